// Builds elements. Text only ever becomes text nodes: nothing that people or apps write is parsed
// as HTML anywhere on this page.

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') {
      for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    } else if (name === 'data') {
      Object.assign(element.dataset, value);
    } else if (name === 'class') {
      element.className = value;
    } else if (name in element && !name.startsWith('aria') && name !== 'list' && name !== 'role') {
      element[name] = value;
    } else {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const PATHS = {
  hash: 'M9 3 7 21M17 3l-2 18M4 8.5h17M3 15.5h17',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  shared: 'M4 7h9v6H4zM11 13v4h9v-6h-4',
  close: 'M6 6l12 12M18 6 6 18',
  reply: 'M4 5h16v11H11l-4 4v-4H4z',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  send: 'M4 4l17 8-17 8 3-8zM7 12h8',
  eye: 'M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12zM12 9.4a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2z',
  menu: 'M4 7h16M4 12h16M4 17h16',
  down: 'M6 9l6 6 6-6',
  back: 'M15 5l-7 7 7 7',
  warn: 'M12 4 2.8 20h18.4zM12 10v5M12 17.6h.01',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  flask: 'M9 3h6M10 3v6L4.5 19a1.4 1.4 0 0 0 1.3 2h12.4a1.4 1.4 0 0 0 1.3-2L14 9V3M7.5 15h9',
};

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', class: name === 'more' ? 'icon dots' : 'icon', 'aria-hidden': 'true', focusable: 'false' })) {
    svg.setAttribute(key, value);
  }
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

export function button(label, onClick, props = {}, ...children) {
  return h('button', { type: 'button', ...props, 'aria-label': props['aria-label'] ?? (children.length ? label : undefined), on: { click: onClick } },
    children.length ? children : label);
}

// Only addresses that a browser may safely open become links.
export function safeUrl(url) {
  try {
    const parsed = new URL(url);
    return ['http:', 'https:', 'mailto:'].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

export function link(url, ...children) {
  const href = safeUrl(url);
  if (href === null) return h('span', {}, ...children);
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer' }, ...children);
}

// A list that opens below its button; arrow keys move in it, Escape closes it.
export function menu(trigger, items) {
  document.querySelector('.menu')?.remove();
  const list = h('div', { class: 'menu', role: 'menu' });
  const close = (refocus) => {
    list.remove();
    document.removeEventListener('pointerdown', outside, true);
    trigger.setAttribute('aria-expanded', 'false');
    if (refocus) trigger.focus();
  };
  const outside = (event) => {
    if (!list.contains(event.target) && !trigger.contains(event.target)) close(false);
  };
  for (const item of items) {
    if (item.heading) {
      list.append(h('div', { class: 'menu-heading' }, item.heading));
    } else {
      list.append(h('button', { type: 'button', role: 'menuitem', class: 'menu-item', on: { click: () => { close(true); item.run(); } } }, item.content ?? item.label));
    }
  }
  list.addEventListener('keydown', (event) => {
    const entries = [...list.querySelectorAll('.menu-item')];
    const at = entries.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      entries[(at + step + entries.length) % entries.length].focus();
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      event.stopPropagation();
      close(true);
    }
  });
  (trigger.closest('dialog') ?? document.body).append(list);
  place(list, trigger);
  trigger.setAttribute('aria-expanded', 'true');
  document.addEventListener('pointerdown', outside, true);
  list.querySelector('.menu-item')?.focus();
}

function place(list, trigger) {
  const box = trigger.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const left = Math.max(8, Math.min(box.left, innerWidth - width - 8));
  const below = box.bottom + 4 + height < innerHeight;
  list.style.left = `${left}px`;
  list.style.top = `${below ? box.bottom + 4 : Math.max(8, box.top - height - 4)}px`;
}

export function toast(text) {
  const box = document.querySelector('.toasts') ?? document.body.appendChild(h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' }));
  const note = h('div', { class: 'toast' }, icon('warn'), h('span', {}, text));
  // A modal dialog covers everything else: show the note inside it.
  (document.querySelector('dialog[open] .dialog-note') ?? box).append(note);
  setTimeout(() => note.remove(), 7000);
}
