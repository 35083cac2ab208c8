// A list of messages, kept up to date in place: only what changed is drawn again, so that focus,
// open menus and the scroll position stay where they are.

import { blocks } from './blocks.js';
import { button, h, icon, link, menu, toast } from './dom.js';
import { dayKey, dayName, fullTime, timeOf } from './dates.js';
import { plainValue } from './elements.js';
import { emoji } from './emoji.js';
import { mrkdwn } from './mrkdwn.js';
import { act, person, replies, store } from './store.js';

const GROUPED_SECONDS = 300;

// `place` is 'channel' or 'thread'; `openThread(channel, ts)` shows a thread.
export class MessageList {
  constructor(place, openThread) {
    this.place = place;
    this.openThread = openThread;
    this.drawn = new Map();
    this.node = h('div', { class: 'messages', role: 'log', 'aria-live': 'polite', tabIndex: 0, 'aria-label': place === 'thread' ? 'Thread' : 'Messages' });
  }

  reset(intro) {
    this.drawn.clear();
    this.node.replaceChildren(...(intro ? [intro] : []));
    this.node.scrollTop = 0;
  }

  show(messages, jump = false) {
    const box = this.node;
    const atEnd = jump || box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    const kept = new Set();
    let arrived = null;
    let previous = null;
    let before = box.querySelector(':scope > .intro');
    for (const message of messages) {
      const grouped = this.grouped(previous, message);
      const day = this.place === 'channel' && (!previous || dayKey(previous.ts) !== dayKey(message.ts));
      const answers = this.place === 'channel' && !message.thread_ts ? replies(message.channel, message.ts) : [];
      const first = this.place === 'thread' && previous && previous.ts === message.thread_ts ? messages.length - 1 : 0;
      const signature = JSON.stringify([message, grouped, day, answers.map((a) => [a.user, a.ts]), first]);
      let entry = this.drawn.get(message.ts);
      if (!entry || entry.signature !== signature) {
        const fresh = this.draw(message, grouped, day, answers, first);
        if (entry) replaceKeepingFocus(entry.node, fresh);
        else {
          if (this.drawn.size > 0 && !jump) fresh.classList.add('fresh');
          arrived ??= fresh;
        }
        entry = { node: fresh, signature };
        this.drawn.set(message.ts, entry);
      }
      const next = before ? before.nextSibling : box.firstChild;
      if (next !== entry.node) box.insertBefore(entry.node, next);
      before = entry.node;
      kept.add(message.ts);
      previous = message;
    }
    for (const [ts, entry] of this.drawn) {
      if (!kept.has(ts)) {
        entry.node.remove();
        this.drawn.delete(ts);
      }
    }
    // What arrived is read from its beginning, also where it is longer than the view.
    if (jump === 'start') box.scrollTop = 0;
    else if (atEnd) box.scrollTop = jump || !arrived ? box.scrollHeight : Math.min(box.scrollHeight, arrived.offsetTop - box.offsetTop - 6);
  }

  grouped(previous, message) {
    if (!previous || previous.user !== message.user || previous.ephemeral || message.ephemeral || message.broadcast) return false;
    if (this.place === 'thread' && previous.ts === message.thread_ts) return false;
    if (matchMedia('(max-width: 760px)').matches) return false; // there, the tools sit in the byline
    return Number(message.ts) - Number(previous.ts) < GROUPED_SECONDS && dayKey(previous.ts) === dayKey(message.ts);
  }

  draw(message, grouped, day, answers, count) {
    const author = person(message.user);
    return h('div', { class: 'message-slot' },
      day && h('div', { class: 'day', role: 'separator' }, h('span', {}, dayName(message.ts))),
      count > 0 && h('div', { class: 'reply-count', role: 'separator' }, h('span', {}, count === 1 ? '1 reply' : `${count} replies`)),
      h('article', { class: `message${grouped ? ' grouped' : ''}${message.ephemeral ? ' ephemeral' : ''}`, data: { ts: message.ts, user: message.user }, 'aria-label': `${author.name}, ${timeOf(message.ts)}` },
        message.ephemeral && h('div', { class: 'only-you' }, icon('eye'), 'Only visible to you'),
        message.broadcast && this.place === 'channel' && h('button', { type: 'button', class: 'replied-to', on: { click: () => this.openThread(message.channel, message.thread_ts) } }, 'replied to a thread'),
        h('div', { class: 'gutter' }, grouped ? h('time', { class: 'small-time', title: fullTime(message.ts) }, timeOf(message.ts).replace(/\s?[AP]M/, '')) : avatar(author)),
        h('div', { class: 'content' },
          !grouped && h('div', { class: 'byline' },
            h('span', { class: 'author' }, author.name),
            author.bot && h('span', { class: 'badge' }, 'APP'),
            author.external && h('span', { class: 'badge external' }, 'EXTERNAL'),
            author.guest && h('span', { class: 'badge external' }, 'GUEST'),
            h('time', { dateTime: new Date(Number(message.ts) * 1000).toISOString(), title: fullTime(message.ts) }, timeOf(message.ts))),
          body(message),
          message.edited && h('span', { class: 'edited' }, '(edited)'),
          message.files.map(file),
          message.reactions.length > 0 && h('div', { class: 'reactions' }, message.reactions.map((r) => h('span', { class: 'reaction', title: `:${r.name}:` }, emoji(r.name) ?? `:${r.name}:`, ' ', String(r.count)))),
          answers.length > 0 && this.summary(message, answers),
          message.ephemeral && h('button', { type: 'button', class: 'dismiss', on: { click: () => act('dismiss', { ts: message.ts }) } }, 'Dismiss message')),
        this.tools(message)));
  }

  summary(message, answers) {
    const users = [...new Set(answers.map((answer) => answer.user))].slice(0, 4);
    const label = answers.length === 1 ? '1 reply' : `${answers.length} replies`;
    return h('button', { type: 'button', class: 'thread-link', on: { click: () => this.openThread(message.channel, message.ts) } },
      users.map((user) => avatar(person(user), 'tiny')), h('strong', {}, label),
      h('span', { class: 'muted' }, `Last reply ${timeOf(answers.at(-1).ts)}`), h('span', { class: 'view-thread', 'aria-hidden': 'true' }, 'View thread'));
  }

  tools(message) {
    if (message.ephemeral) return null;
    const more = button('More actions', () => menu(more, [
      ...(store.app.shortcuts.length ? [{ heading: store.app.name }] : []),
      ...store.app.shortcuts.map((shortcut) => ({ label: shortcut.name, run: () => useShortcut(shortcut, message) })),
      { heading: 'Message' },
      { label: 'Copy link', run: () => copy(message.link) },
    ]), { class: 'icon-button', 'aria-haspopup': 'menu', 'aria-expanded': 'false', data: { tool: 'more' } }, icon('more'));
    return h('div', { class: 'tools', role: 'toolbar', 'aria-label': 'Message actions' },
      this.place === 'channel' && button('Reply in thread', () => this.openThread(message.channel, message.thread_ts ?? message.ts), { class: 'icon-button', data: { tool: 'reply' } }, icon('reply')),
      more);
  }
}

function body(message) {
  const host = {
    held: (block, action) => plainValue(message.choices[block]?.[action]) ?? initial(message, block, action),
    hold: () => {},
    press: async (block_id, action_id, value) => {
      const answer = await act('press', { channel: message.channel, ts: message.ts, block_id, action_id, value });
      if (!answer.ok && answer.error && answer.error.includes(' ')) toast(answer.error);
    },
    suggest: async (block_id, action_id, typed) => (await act('suggest', { channel: message.channel, ts: message.ts, block_id, action_id, text: typed })).options ?? [],
  };
  return [
    message.blocks.length ? blocks(message.blocks, host) : message.text && h('div', { class: 'plain' }, mrkdwn(message.text)),
    message.attachments.map((attachment) => h('div', { class: 'attachment', data: { color: colorName(attachment.color) } },
      attachment.pretext && h('div', {}, mrkdwn(attachment.pretext)),
      attachment.title && h('strong', {}, attachment.title_link ? link(attachment.title_link, attachment.title) : attachment.title),
      attachment.text && h('div', {}, mrkdwn(attachment.text)),
      attachment.blocks.length > 0 && blocks(attachment.blocks, host),
      (attachment.fields ?? []).length > 0 && h('div', { class: 'fields' }, attachment.fields.map((field) => h('div', { class: 'field' }, h('strong', {}, field.title), h('br'), mrkdwn(String(field.value)))))))
  ];
}

const colorName = (color) => ({ good: 'good', warning: 'warning', danger: 'danger' })[color] ?? 'plain';

function initial(message, blockId, actionId) {
  const block = message.blocks.find((candidate) => candidate.block_id === blockId);
  const part = [...(block?.elements ?? []), block?.accessory, block?.element].find((candidate) => candidate?.action_id === actionId);
  if (!part) return null;
  if (part.initial_options) return part.initial_options.map((option) => option.value);
  return part.initial_option?.value ?? part.initial_value ?? part.initial_date ?? part.initial_time ?? part.initial_user ?? part.initial_channel ?? null;
}

// Slack previews these; an SVG, for one, it only offers to download.
const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

function file(entry) {
  const picture = PICTURES.includes(entry.mimetype);
  return h('figure', { class: `file ${picture ? 'picture' : 'snippet'}` },
    h('figcaption', {}, icon('file'), link(new URL(entry.url_private).href, entry.title), h('span', { class: 'muted' }, size(entry.size))),
    picture
      ? h('a', { href: entry.url_private, target: '_blank', rel: 'noopener' }, h('img', { src: entry.url_private, alt: entry.alt_txt || entry.title }))
      : entry.preview !== undefined && [h('pre', { tabIndex: 0 }, entry.preview), entry.preview_is_truncated && link(entry.url_private, 'Show all of it')]);
}

const size = (bytes) => (bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(bytes < 10_240 ? 1 : 0)} kB`);

export function avatar(who, kind = '') {
  if (who.app) return h('img', { class: `avatar ${kind}`, src: '/page/app.svg', alt: '' });
  const initials = who.name.split(/[\s._-]+/).filter(Boolean).slice(0, 2).map((word) => word[0].toUpperCase()).join('');
  const hue = [...who.id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 8, 7);
  return h('span', { class: `avatar ${kind} hue-${hue}`, 'aria-hidden': 'true' }, initials);
}

async function useShortcut(shortcut, message) {
  const answer = await act('shortcut', { channel: message.channel, ts: message.ts, callback_id: shortcut.callback_id });
  if (!answer.ok && answer.error && answer.error.includes(' ')) toast(answer.error);
}

async function copy(address) {
  try {
    await navigator.clipboard.writeText(address);
    toast('Link copied.');
  } catch {
    toast(address);
  }
}

function replaceKeepingFocus(old, fresh) {
  const action = old.contains(document.activeElement) ? document.activeElement.dataset.action : null;
  old.replaceWith(fresh);
  if (action) fresh.querySelector(`[data-action="${CSS.escape(action)}"]`)?.focus();
}
