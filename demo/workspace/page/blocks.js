// Block Kit as elements. https://docs.slack.dev/reference/block-kit/blocks

import { h, safeUrl } from './dom.js';
import { element, inputElement } from './elements.js';
import { mrkdwn, plainText } from './mrkdwn.js';
import { markdown, richText } from './richtext.js';

// `host` says where the blocks are shown and takes what is done in them:
//   press(block_id, action_id, value)  choices  values(block_id, action_id)  errors
export function blocks(list, host) {
  return h('div', { class: 'blocks' }, list.map((block) => one(block, host)));
}

export function text(object) {
  if (!object) return [];
  return object.type === 'mrkdwn' ? mrkdwn(object.text, object.verbatim) : plainText(object.text);
}

function one(block, host) {
  const make = KINDS[block.type];
  const made = make ? make(block, host) : h('div', { class: 'unknown' }, `A ${block.type} block, which this page does not draw.`);
  made.classList.add('block', `block-${block.type}`);
  return made;
}

const KINDS = {
  header: (block) => h('h3', {}, text(block.text)),
  divider: () => h('hr'),
  section: (block, host) => h('div', {},
    h('div', { class: 'section-body' },
      block.text && h('div', { class: 'section-text' }, text(block.text)),
      block.fields && h('div', { class: 'fields' }, block.fields.map((field) => h('div', { class: 'field' }, text(field))))),
    block.accessory && h('div', { class: 'accessory' }, accessory(block, host))),
  context: (block) => h('div', {}, block.elements.map((part) => (part.type === 'image' ? image(part, 'context-image') : h('span', {}, text(part))))),
  actions: (block, host) => h('div', {}, block.elements.map((part) => element(part, block, host))),
  image: (block) => h('figure', {}, block.title && h('figcaption', {}, text(block.title)), zoomable(block)),
  rich_text: (block) => richText(block),
  markdown: (block) => markdown(block),
  table: (block) => table(block),
  data_table: (block) => table(block, block.caption),
  input: (block, host) => inputBlock(block, host),
  video: (block) => h('div', {}, h('strong', {}, text(block.title)), h('div', { class: 'muted' }, text(block.description))),
  alert: (block) => h('div', { role: 'note', data: { level: block.level ?? 'default' } }, text(block.text)),
};

function accessory(block, host) {
  return block.accessory.type === 'image' ? image(block.accessory, 'accessory-image') : element(block.accessory, block, host);
}

function image(part, name) {
  const url = safeUrl(part.image_url);
  const own = url !== null && new URL(url).origin === location.origin;
  if (!own) return h('span', { class: `${name} image-elsewhere`, role: 'img', 'aria-label': part.alt_text, title: part.alt_text });
  return h('img', { class: name, src: url, alt: part.alt_text, loading: 'lazy' });
}

function zoomable(block) {
  const url = safeUrl(block.image_url);
  if (url === null || new URL(url).origin !== location.origin) {
    return h('div', { class: 'image-elsewhere', role: 'img', 'aria-label': block.alt_text }, `Picture from elsewhere, not loaded here: ${block.alt_text}`);
  }
  return h('a', { href: url, target: '_blank', rel: 'noopener', title: 'Open the picture' }, h('img', { src: url, alt: block.alt_text, loading: 'lazy' }));
}

function table(block, caption) {
  const settings = block.column_settings ?? [];
  const cell = (tag) => (value, at) => h(tag, {
    scope: tag === 'th' ? 'col' : undefined,
    class: [`align-${settings[at]?.align ?? 'left'}`, settings[at]?.is_wrapped ? 'wrapped' : 'unwrapped'].join(' '),
  }, value.type === 'rich_text' ? richText(value) : String(value.text ?? ''));
  const [head, ...body] = block.rows;
  return h('div', { tabIndex: 0, role: 'region', 'aria-label': caption ?? 'Table' },
    h('table', {},
      caption && h('caption', {}, caption),
      h('thead', {}, h('tr', {}, head.map(cell('th')))),
      h('tbody', {}, body.map((row) => h('tr', {}, row.map(cell('td')))))));
}

let serial = 0;

function inputBlock(block, host) {
  const id = `input-${++serial}`;
  const error = host.errors?.[block.block_id];
  const grouped = ['checkboxes', 'radio_buttons'].includes(block.element.type) || block.element.type.startsWith('multi_');
  const label = [text(block.label), block.optional && h('span', { class: 'optional' }, ' (optional)')];
  return h(grouped ? 'fieldset' : 'div', { class: error ? 'invalid' : '', data: { block: block.block_id } },
    grouped ? h('legend', {}, label) : h('label', { htmlFor: id }, label),
    inputElement(block.element, block, host, { id, describedBy: `${id}-notes`, invalid: Boolean(error), required: !block.optional }),
    h('div', { id: `${id}-notes` },
      error && h('p', { class: 'input-error', role: 'alert' }, error),
      block.hint && h('p', { class: 'hint' }, text(block.hint))));
}
