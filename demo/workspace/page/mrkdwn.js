// Slack's own markup as elements. https://docs.slack.dev/messaging/formatting-message-text

import { h, link } from './dom.js';
import { emoji } from './emoji.js';
import { formatDate } from './dates.js';
import { person, store } from './store.js';

const unescape = (text) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

export function mrkdwn(text, verbatim = false) {
  return text.split(/(```[\s\S]+?```)/).flatMap((part, at) => {
    if (at % 2 === 1) return [h('pre', { tabIndex: 0 }, unescape(plainTokens(part.slice(3, -3).replace(/^\n|\n$/g, ''))))];
    return lines(at > 0 ? part.replace(/^\n/, '') : part, verbatim);
  });
}

export function plainText(text) {
  return withEmoji(text);
}

// What a notification would show: no markup, one line.
export function summary(text) {
  return unescape(plainTokens(text)).replace(/[*_~`]/g, '').replace(/\s+/g, ' ').trim();
}

function lines(text, verbatim) {
  const made = [];
  let quote = null;
  text.split('\n').forEach((line, at, all) => {
    const quoted = /^(?:&gt;|>)\s?(.*)$/.exec(line);
    if (quoted) {
      if (quote === null) made.push((quote = h('blockquote')));
      else quote.append(h('br'));
      quote.append(...inline(quoted[1], verbatim));
      return;
    }
    const afterQuote = quote !== null;
    quote = null;
    if (at > 0 && !afterQuote) made.push(h('br'));
    if (line !== '' || at < all.length - 1) made.push(...inline(line, verbatim));
  });
  return made;
}

function inline(text, verbatim) {
  const made = [];
  let plain = '';
  const flush = () => {
    if (plain) made.push(...withEmoji(unescape(plain)));
    plain = '';
  };
  let at = 0;
  while (at < text.length) {
    const found = code(text, at) ?? token(text, at) ?? styled(text, at, verbatim) ?? (verbatim ? null : bareLink(text, at));
    if (found) {
      flush();
      made.push(found.node);
      at = found.end;
    } else {
      plain += text[at++];
    }
  }
  flush();
  return made;
}

function code(text, at) {
  if (text[at] !== '`') return null;
  const end = text.indexOf('`', at + 1);
  if (end <= at + 1) return null;
  return { node: h('code', {}, unescape(plainTokens(text.slice(at + 1, end)))), end: end + 1 };
}

const STYLES = { '*': 'strong', _: 'em', '~': 's' };

function styled(text, at, verbatim) {
  const mark = text[at];
  if (!Object.hasOwn(STYLES, mark)) return null;
  const before = text[at - 1] ?? ' ';
  const after = text[at + 1] ?? ' ';
  if (/[\p{L}\p{N}]/u.test(before) || /\s/.test(after) || after === mark) return null;
  for (let end = at + 2; end < text.length; end++) {
    if (text[end] === '`') {
      const closing = text.indexOf('`', end + 1);
      if (closing > 0) end = closing;
    } else if (text[end] === '<') {
      const closing = text.indexOf('>', end);
      if (closing > 0) end = closing;
    } else if (text[end] === mark && !/\s/.test(text[end - 1]) && !/[\p{L}\p{N}]/u.test(text[end + 1] ?? ' ')) {
      return { node: h(STYLES[mark], {}, ...inline(text.slice(at + 1, end), verbatim)), end: end + 1 };
    }
  }
  return null;
}

function bareLink(text, at) {
  const found = /^https?:\/\/[^\s<>|`]+[^\s<>|`.,;:!?)'"*_~]/.exec(text.slice(at, at + 2048));
  if (!found || /\w/.test(text[at - 1] ?? '')) return null;
  const url = unescape(found[0]);
  return { node: link(url, url), end: at + found[0].length };
}

function token(text, at) {
  if (text[at] !== '<') return null;
  const end = text.indexOf('>', at);
  if (end < 0) return null;
  const [target, label] = split(text.slice(at + 1, end));
  const node = mention(target, label);
  return node && { node, end: end + 1 };
}

function split(body) {
  const bar = body.indexOf('|');
  return bar < 0 ? [body, null] : [body.slice(0, bar), unescape(body.slice(bar + 1))];
}

function mention(target, label) {
  if (/^[@][UW]\w+$/.test(target)) return userMention(target.slice(1));
  if (/^#[CG]\w+$/.test(target)) return channelMention(target.slice(1), label);
  if (/^!subteam\^S\w+$/.test(target)) return groupMention(target.slice(9), label);
  if (/^!(here|channel|everyone)$/.test(target)) return h('span', { class: 'mention broadcast' }, `@${target.slice(1)}`);
  if (target.startsWith('!date^')) return dateToken(target, label);
  const url = unescape(target);
  if (/^(https?:\/\/|mailto:)/.test(url)) return link(url, ...withEmoji(label ?? url.replace(/^mailto:/, '')));
  return null;
}

export function userMention(id) {
  const known = store.people.has(id);
  const own = id === store.me ? ' own' : '';
  return h('span', { class: `mention${own}`, title: person(id).title }, `@${known ? person(id).name : id}`);
}

export function channelMention(id, label) {
  const known = store.channels.find((channel) => channel.id === id);
  const name = known?.name ?? label ?? id;
  return known ? h('a', { class: 'mention', href: `#/${id}` }, `#${name}`) : h('span', { class: 'mention' }, `#${name}`);
}

export function groupMention(id, label) {
  const handle = store.usergroups.get(id)?.handle ?? label?.replace(/^@/, '') ?? id;
  return h('span', { class: 'mention' }, `@${handle}`);
}

function dateToken(target, fallback) {
  const [, seconds, format, url] = target.split('^');
  const text = formatDate(Number(seconds), format ?? '') ?? fallback ?? '';
  const time = h('time', { dateTime: isoOrNothing(Number(seconds)), title: fallback ?? '' }, text);
  return url ? link(unescape(url), time) : time;
}

function isoOrNothing(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

// Inside code, Slack shows tokens as the text they stand for.
function plainTokens(text) {
  return text.replace(/<([^<>]+)>/g, (whole, body) => {
    const [target, label] = split(body);
    if (/^[@][UW]\w+$/.test(target)) return `@${person(target.slice(1)).name}`;
    if (/^#[CG]\w+$/.test(target)) return `#${label ?? target.slice(1)}`;
    if (/^(https?:\/\/|mailto:)/.test(target)) return label ?? target;
    if (target.startsWith('!')) return label ?? `@${target.slice(1)}`;
    return whole;
  });
}

function withEmoji(text) {
  return text.split(/(:[a-z0-9_+-]+:)/).filter(Boolean).map((part) => {
    const glyph = part.length > 2 && part.startsWith(':') ? emoji(part.slice(1, -1)) : null;
    return glyph ? h('span', { class: 'emoji', role: 'img', 'aria-label': part.slice(1, -1).replaceAll('_', ' '), title: part }, glyph) : part;
  });
}
