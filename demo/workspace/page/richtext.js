// rich_text and markdown blocks. https://docs.slack.dev/reference/block-kit/blocks/rich-text-block

import { h, link } from './dom.js';
import { emoji } from './emoji.js';
import { formatDate } from './dates.js';
import { channelMention, groupMention, plainText, userMention } from './mrkdwn.js';

export function richText(block) {
  return h('div', { class: 'rich-text' }, block.elements.map(part));
}

function part(element) {
  switch (element.type) {
    case 'rich_text_section':
      return h('div', { class: 'rich-section' }, element.elements.map(leaf));
    case 'rich_text_list': {
      const items = element.elements.map((item) => h('li', {}, item.elements.map(leaf)));
      const list = h(element.style === 'ordered' ? 'ol' : 'ul', { class: `indent-${Math.min(element.indent ?? 0, 6)}` }, items);
      if (element.offset) list.start = element.offset + 1;
      return list;
    }
    case 'rich_text_quote':
      return h('blockquote', {}, element.elements.map(leaf));
    case 'rich_text_preformatted':
      return h('pre', { tabIndex: 0 }, element.elements.map((item) => item.text ?? item.url ?? ''));
    default:
      return h('div', { class: 'unknown' }, `[${element.type}]`);
  }
}

function leaf(element) {
  const style = element.style ?? {};
  let node = content(element);
  if (style.code) node = h('code', {}, node);
  if (style.bold) node = h('strong', {}, node);
  if (style.italic) node = h('em', {}, node);
  if (style.strike) node = h('s', {}, node);
  if (style.underline) node = h('u', {}, node);
  return node;
}

function content(element) {
  switch (element.type) {
    case 'text':
      return h('span', {}, element.style?.code ? element.text : plainText(element.text));
    case 'link':
      return link(element.url, element.text ?? element.url);
    case 'user':
      return userMention(element.user_id);
    case 'channel':
      return channelMention(element.channel_id, null);
    case 'usergroup':
      return groupMention(element.usergroup_id, null);
    case 'broadcast':
      return h('span', { class: 'mention broadcast' }, `@${element.range}`);
    case 'emoji':
      return h('span', { class: 'emoji', role: 'img', 'aria-label': element.name.replaceAll('_', ' ') }, emoji(element.name) ?? `:${element.name}:`);
    case 'date': {
      const text = formatDate(element.timestamp, element.format) ?? element.fallback ?? '';
      return element.url ? link(element.url, text) : h('time', {}, text);
    }
    case 'color':
      return h('code', {}, element.value);
    default:
      return h('span', {}, element.fallback ?? '');
  }
}

// The server parses Markdown; here its tree becomes elements of a few known kinds.
const TAGS = new Set(['p', 'ul', 'ol', 'li', 'blockquote', 'strong', 'em', 's', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'br', 'hr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6']);

export function markdown(block) {
  return h('div', { class: 'markdown' }, nodes(block.tree ?? [{ text: block.text }]));
}

function nodes(tree) {
  return tree.map((node) => {
    if (node.text !== undefined) return h('span', {}, plainText(node.text));
    if (node.code !== undefined) return h('code', {}, node.code);
    if (node.pre !== undefined) return h('pre', { tabIndex: 0 }, node.pre.replace(/\n$/, ''));
    if (node.link !== undefined) return link(node.link, nodes(node.children));
    return h(TAGS.has(node.tag) ? node.tag : 'span', {}, nodes(node.children));
  });
}
