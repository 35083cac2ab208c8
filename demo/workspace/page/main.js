// The page: who acts, what is open, and the parts that show it.

import { blocks } from './blocks.js';
import { Composer } from './composer.js';
import { showModals } from './dialogs.js';
import { button, h, icon, menu, toast } from './dom.js';
import { plainValue } from './elements.js';
import { MessageList, avatar } from './messages.js';
import { act, become, everybody, inChannel, inThread, me, onChange, store } from './store.js';

const open = { channel: null, tab: 'messages', thread: null };
const root = document.getElementById('root');
const list = new MessageList('channel', openThread);
const thread = new MessageList('thread', openThread);
const composer = new Composer(() => ({ channel: open.channel }), () => `Message ${channelTitle(open.channel)}`, 'channel');
const threadComposer = new Composer(() => ({ channel: open.channel, thread_ts: open.thread }), () => 'Reply…', 'thread');
let parts = null;
let drawnHome = null;

async function start() {
  const { people, team } = await everybody();
  document.title = `${team} (simulated Slack)`;
  const wanted = sessionStorage.getItem('acting-as');
  const first = people.find((p) => p.id === wanted) ?? people[0];
  if (!first) {
    root.append(h('p', {}, 'Nobody lives in this workspace.'));
    return;
  }
  onChange(update);
  addEventListener('hashchange', followAddress);
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && open.thread && !document.querySelector('dialog[open]') && !document.querySelector('.menu')) closeThread();
  });
  await actAs(first.id, people);
}

async function actAs(user) {
  sessionStorage.setItem('acting-as', user);
  await become(user);
  draw();
  followAddress();
}

// -- the frame

function draw() {
  parts = {
    sidebar: h('nav', { class: 'sidebar', 'aria-label': 'Channels' }),
    head: h('header', { class: 'head' }),
    home: h('div', { class: 'home', tabIndex: 0 }),
    threadHead: h('header', { class: 'head thread-head' }),
    status: h('span', { class: 'status', role: 'status' }),
    actor: h('button', { type: 'button', class: 'actor', 'aria-haspopup': 'menu', 'aria-expanded': 'false', on: { click: chooseActor } }),
  };
  parts.main = h('main', { class: 'main' }, parts.head, list.node, parts.home, composer.node);
  parts.aside = h('aside', { class: 'aside', 'aria-label': 'Thread', hidden: true }, parts.threadHead, thread.node, threadComposer.node);
  root.replaceChildren(
    h('div', { class: 'top' },
      button('Channels', toggleSidebar, { class: 'icon-button only-narrow' }, icon('menu')),
      h('strong', { class: 'team' }, store.team.name),
      h('span', { class: 'simulated', title: 'This page stands in for Slack. Nothing leaves this machine.' }, icon('flask'), h('span', {}, 'Local workspace, simulated Slack')),
      parts.status, parts.actor),
    h('div', { class: 'frame' }, parts.sidebar, parts.main, parts.aside));
  drawActor();
  drawSidebar();
}

function drawActor() {
  const who = me();
  parts.actor.replaceChildren(h('span', { class: 'actor-label' }, 'Acting as'), avatar(who, 'small'), h('span', { class: 'actor-name' }, h('strong', {}, who.name), h('small', {}, who.title)), icon('down'));
  parts.actor.setAttribute('aria-label', `Acting as ${who.name}, ${who.title}. Change`);
}

function chooseActor() {
  const people = [...store.people.values()].filter((p) => !p.bot);
  menu(parts.actor, [{ heading: 'Act as' }, ...people.map((p) => ({
    content: [avatar(p, 'small'), h('span', { class: 'menu-person' }, h('span', {}, p.name), h('small', {}, p.title)), p.id === store.me ? h('span', { class: 'badge' }, 'YOU') : p.guest ? h('span', { class: 'badge external' }, 'GUEST') : p.external ? h('span', { class: 'badge external' }, 'EXTERNAL') : null],
    run: () => actAs(p.id),
  }))]);
}

function drawSidebar() {
  const entry = (label, glyph, props) => h('li', {}, h('a', { class: 'place', ...props }, glyph, h('span', { class: 'place-name' }, label)));
  const mark = (channel) => (open.channel === channel.id ? 'page' : undefined);
  parts.sidebar.replaceChildren(
    h('h2', {}, 'Channels'),
    h('ul', {}, store.channels.map((channel) => entry(channel.name, icon(channel.private ? 'lock' : channel.shared ? 'shared' : 'hash'), {
      href: `#/${channel.id}`, 'aria-current': mark(channel), data: { channel: channel.name, archived: channel.archived ? 'yes' : 'no', unread: store.unread.has(channel.id) ? 'yes' : 'no' } }))),
    h('h2', {}, 'Apps'),
    h('ul', {}, entry(store.app.name, h('img', { src: '/page/app.svg', alt: '', class: 'avatar tiny' }), {
      href: '#/app', 'aria-current': open.channel === store.app.im ? 'page' : undefined, data: { channel: 'app', unread: store.unread.has(store.app.im) ? 'yes' : 'no' } })),
    h('p', { class: 'sidebar-note' }, 'This page stands in for Slack so that the bot can be tried without a workspace. People, channels and messages exist only in this process.'));
}

function toggleSidebar() {
  document.body.classList.toggle('sidebar-open');
}

// -- where one is

function followAddress() {
  const archive = /^\/archives\/(\w+)\/p(\d+)/.exec(location.pathname);
  if (archive && !location.hash) {
    const ts = `${archive[2].slice(0, -6)}.${archive[2].slice(-6)}`;
    const inside = new URLSearchParams(location.search).get('thread_ts');
    history.replaceState(null, '', `/#/${archive[1]}/${inside ?? ts}`);
  }
  const [, where, what] = location.hash.split('/');
  if (where === 'app') return go(store.app.im, what === 'messages' ? 'messages' : 'home', null);
  const known = store.channels.find((channel) => channel.id === where) ?? (where === store.app.im ? { id: where } : null);
  return go((known ?? store.channels[0])?.id ?? store.app.im, 'messages', known && what ? what : null);
}

function go(channel, tab, threadTs) {
  document.body.classList.remove('sidebar-open');
  const moved = channel !== open.channel || tab !== open.tab;
  Object.assign(open, { channel, tab, thread: threadTs });
  store.unread.delete(channel);
  drawSidebar();
  drawHead();
  const isHome = tab === 'home';
  parts.home.hidden = !isHome;
  list.node.hidden = composer.node.hidden = isHome;
  list.reset(intro());
  if (isHome) {
    drawnHome = null;
    drawHome();
    act('home', { tab: 'home' });
  } else {
    list.show(inChannel(channel), true);
    if (channel === store.app.im && moved) act('home', { tab: 'messages' });
  }
  composer.refresh();
  composer.node.classList.toggle('archived', Boolean(channelOf(channel)?.archived));
  drawThread(true);
  if (moved && !isHome && matchMedia('(min-width: 800px)').matches) composer.box.focus();
}

function channelOf(id) {
  return store.channels.find((channel) => channel.id === id);
}

function channelTitle(id) {
  const channel = channelOf(id);
  return channel ? `#${channel.name}` : store.app?.name ?? '';
}

function drawHead() {
  const channel = channelOf(open.channel);
  if (channel) {
    parts.head.replaceChildren(h('div', { class: 'head-title' },
      h('h1', {}, icon(channel.private ? 'lock' : channel.shared ? 'shared' : 'hash'), channel.name), channel.topic && h('p', {}, channel.topic)),
    h('span', { class: 'muted head-members' }, channel.members === 1 ? '1 member' : `${channel.members} members`));
    return;
  }
  const tab = (name, label) => h('a', { href: `#/app/${name}`, 'aria-current': open.tab === name ? 'page' : undefined, class: 'tab', data: { tab: name } }, label);
  parts.head.replaceChildren(h('div', { class: 'head-title' }, h('h1', {}, h('img', { src: '/page/app.svg', alt: '', class: 'avatar small' }), store.app.name), h('p', {}, store.app.description)),
    h('nav', { class: 'tabs', 'aria-label': store.app.name }, tab('home', 'Home'), tab('messages', 'Messages')));
}

function intro() {
  const channel = channelOf(open.channel);
  if (!channel) return h('div', { class: 'intro' }, h('h2', {}, store.app.name), h('p', {}, 'This is the beginning of your direct messages with the app.'));
  const command = store.app.commands[0]?.name ?? '';
  return h('div', { class: 'intro' }, h('h2', {}, icon('hash'), channel.name),
    h('p', {}, 'This is the beginning of the channel. ', command && ['Try ', h('code', {}, command), ' below, or mention ', h('span', { class: 'mention' }, `@${store.app.name}`), '.']));
}

// -- App Home

function drawHome() {
  const view = store.home;
  if (view === null) {
    parts.home.replaceChildren(h('p', { class: 'muted home-empty' }, 'The app has not shown anything here yet.'));
    return;
  }
  if (drawnHome === view.hash) return;
  drawnHome = view.hash;
  const values = {};
  const host = {
    held: (block, action) => values[block]?.[action] ?? plainValue(view.values[block]?.[action]),
    hold: (block, action, value) => { (values[block] ??= {})[action] = value; },
    press: async (block_id, action_id, value) => {
      const answer = await act('press', { view: view.id, block_id, action_id, value, values });
      if (!answer.ok && answer.error?.includes(' ')) toast(answer.error);
    },
    suggest: async (block_id, action_id, text) => (await act('suggest', { view: view.id, block_id, action_id, text })).options ?? [],
  };
  parts.home.replaceChildren(h('div', { class: 'home-view' }, blocks(view.blocks, host)));
}

// -- threads

function openThread(channel, ts) {
  location.hash = channel === store.app.im ? `#/${store.app.im}/${ts}` : `#/${channel}/${ts}`;
}

function closeThread() {
  location.hash = open.channel === store.app.im ? '#/app/messages' : `#/${open.channel}`;
}

function drawThread(jump = false) {
  const messages = open.thread ? inThread(open.channel, open.thread) : [];
  const shown = messages.length > 0;
  parts.aside.hidden = !shown;
  document.body.classList.toggle('thread-open', shown);
  if (!shown) {
    open.thread = null;
    thread.reset();
    return;
  }
  if (jump) {
    thread.reset();
    parts.threadHead.replaceChildren(h('div', { class: 'head-title' }, h('h2', {}, 'Thread'), h('p', {}, channelTitle(open.channel))), button('Close thread', closeThread, { class: 'icon-button' }, icon('close')));
    threadComposer.refresh();
  }
  thread.show(messages, jump && 'start');
}

// -- changes

function update(change) {
  if (!parts) return;
  switch (change.kind) {
    case 'message':
    case 'deleted': {
      if (open.tab === 'messages') list.show(inChannel(open.channel));
      drawThread();
      if (change.message?.channel === open.channel && document.hasFocus()) store.unread.delete(open.channel);
      drawSidebar();
      break;
    }
    case 'modal':
      showModals();
      break;
    case 'home':
      if (open.tab === 'home') drawHome();
      break;
    case 'trouble':
      toast(`${change.app}: ${change.text}`);
      break;
    case 'connection':
      parts.status.textContent = store.connected ? '' : 'Reconnecting…';
      break;
    default:
      drawActor();
      drawSidebar();
      if (open.channel) {
        if (open.tab === 'messages') list.show(inChannel(open.channel));
        else drawHome();
        drawThread();
      }
      showModals();
  }
}

start();
