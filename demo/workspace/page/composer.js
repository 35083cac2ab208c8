// Where people type: messages, mentions and slash commands.

import { button, h, icon, toast } from './dom.js';
import { act, store } from './store.js';

// `where()` gives {channel, thread_ts}; `placeholder()` the words in the empty box.
export class Composer {
  constructor(where, placeholder, kind) {
    this.where = where;
    this.placeholder = placeholder;
    this.kind = kind;
    this.hints = h('div', { class: 'hints', id: `hints-${kind}`, role: 'listbox', 'aria-label': 'Suggestions', hidden: true });
    this.note = h('div', { class: 'composer-note', role: 'alert', hidden: true });
    this.box = h('textarea', {
      rows: 1, class: 'composer-box', spellcheck: true, data: { composer: kind }, 'aria-autocomplete': 'list', 'aria-controls': `hints-${kind}`,
      on: { input: () => this.typed(), keydown: (event) => this.key(event), blur: () => this.hide() },
    });
    this.send = button('Send', () => this.submit(), { class: 'icon-button send', disabled: true }, icon('send'));
    this.node = h('div', { class: 'composer' }, this.hints, this.note,
      h('div', { class: 'archive-note' }, 'This channel is archived. Nobody can post in it.'),
      h('div', { class: 'composer-frame' }, this.box, h('div', { class: 'composer-bar' },
        h('span', { class: 'muted keys' }, h('kbd', {}, 'Enter'), ' sends, ', h('kbd', {}, 'Shift'), '+', h('kbd', {}, 'Enter'), ' new line, ', h('kbd', {}, '/'), ' commands'), this.send)));
    this.refresh();
  }

  refresh() {
    this.box.placeholder = this.placeholder();
    this.box.setAttribute('aria-label', this.placeholder());
  }

  typed() {
    this.note.hidden = true;
    this.box.style.height = 'auto';
    this.box.style.height = `${Math.min(this.box.scrollHeight, 220)}px`;
    this.send.disabled = this.box.value.trim() === '';
    this.suggest();
  }

  suggest() {
    const upTo = this.box.value.slice(0, this.box.selectionStart);
    const command = /^\/[\w-]*$/.test(upTo);
    const name = /(?:^|\s)@([\w.-]*)$/.exec(upTo);
    this.found = [];
    if (/^\/[\w-]*(\s|$)/.test(upTo)) this.found = this.commands(upTo, command);
    else if (name) this.found = this.names(name[1]);
    this.at = 0;
    this.hints.replaceChildren(...this.found.map((entry, index) => h('button', {
      type: 'button', role: 'option', class: 'hint', tabIndex: -1, id: `hint-${this.kind}-${index}`, 'aria-selected': index === 0 ? 'true' : 'false',
      on: { mousedown: (event) => { event.preventDefault(); this.take(index); } },
    }, h('strong', {}, entry.name), entry.hint && h('code', {}, entry.hint), h('span', { class: 'muted' }, entry.about))));
    this.hints.hidden = this.found.length === 0;
    if (!this.hints.hidden) this.box.setAttribute('aria-activedescendant', `hint-${this.kind}-0`);
    else this.box.removeAttribute('aria-activedescendant');
  }

  commands(typed, open) {
    const word = typed.split(/\s/)[0].toLowerCase();
    return store.app.commands.filter((c) => (open ? c.name.startsWith(word) : c.name === word))
      .map((c) => ({ name: c.name, hint: c.hint, about: c.description, insert: open ? `${c.name} ` : null, from: 0 }));
  }

  names(typed) {
    const wanted = typed.toLowerCase();
    const people = [...store.people.values()].filter((p) => p.id !== 'USLACKBOT').map((p) => ({ name: `@${p.handle}`, about: [p.name, p.title].filter(Boolean).join(', '), match: `${p.handle} ${p.name}` }));
    const groups = [...store.usergroups.values()].map((g) => ({ name: `@${g.handle}`, about: 'User group', match: g.handle }));
    const from = this.box.selectionStart - typed.length - 1;
    return [...people, ...groups].filter((entry) => entry.match.toLowerCase().split(/[\s]/).some((part) => part.startsWith(wanted)))
      .slice(0, 7).map((entry) => ({ ...entry, insert: `${entry.name} `, from }));
  }

  take(index) {
    const entry = this.found[index];
    if (!entry?.insert) return;
    const end = this.box.selectionStart;
    this.box.setRangeText(entry.insert, entry.from, end, 'end');
    this.typed();
    this.box.focus();
  }

  move(step) {
    this.at = (this.at + step + this.found.length) % this.found.length;
    [...this.hints.children].forEach((node, index) => node.setAttribute('aria-selected', index === this.at ? 'true' : 'false'));
    this.box.setAttribute('aria-activedescendant', `hint-${this.kind}-${this.at}`);
  }

  hide() {
    this.hints.hidden = true;
  }

  key(event) {
    const choosing = !this.hints.hidden && this.found.length > 0 && this.found[this.at]?.insert;
    if (choosing && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      this.move(event.key === 'ArrowDown' ? 1 : -1);
    } else if (choosing && (event.key === 'Tab' || (event.key === 'Enter' && this.incomplete()))) {
      event.preventDefault();
      this.take(this.at);
    } else if (event.key === 'Escape' && !this.hints.hidden) {
      event.stopPropagation();
      this.hide();
    } else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.submit();
    }
  }

  // Enter completes a name that is still being typed; a complete one is sent.
  incomplete() {
    const entry = this.found[this.at];
    return this.box.value.slice(entry.from, this.box.selectionStart) !== entry.name;
  }

  async submit() {
    const text = this.box.value.trim();
    if (!text) return;
    const { channel, thread_ts } = this.where();
    const command = /^(\/[\w-]+)(?:\s+([\s\S]*))?$/.exec(text);
    if (command && thread_ts) {
      this.note.textContent = `${command[1]} is not supported in threads. Sorry! Type it in the channel, or mention @${store.app.name} here.`;
      this.note.hidden = false;
      return;
    }
    this.box.value = '';
    this.typed();
    const answer = command
      ? await act('command', { channel, command: command[1], text: command[2] ?? '' })
      : await act('message', { channel, text, thread_ts });
    if (!answer.ok && answer.error && answer.error.includes(' ')) {
      toast(answer.error);
      this.box.value ||= text;
      this.typed();
    }
  }
}
