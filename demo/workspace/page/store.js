// What the page knows, and how it learns: the whole state once, then changes as they happen.

const listeners = new Set();
let stream = null;
let waiting = null;

export const store = { me: null, people: new Map(), channels: [], messages: new Map(), modals: [], home: null, app: null, team: null, usergroups: new Map(), unread: new Set(), connected: false };

export const key = (channel, ts) => `${channel}/${ts}`;

export function onChange(listener) {
  listeners.add(listener);
}

function changed(what) {
  for (const listener of listeners) listener(what);
}

export async function everybody() {
  return (await fetch('/act/people')).json();
}

export async function become(user) {
  stream?.close();
  store.me = user;
  store.unread.clear();
  await load();
  stream = new EventSource(`/act/changes?user=${encodeURIComponent(user)}`);
  // Whatever happened before the stream was open, or while it was away, comes with the whole state.
  stream.addEventListener('open', async () => {
    if (store.me === user) await load();
    store.connected = true;
    changed({ kind: 'connection' });
  });
  stream.addEventListener('error', () => {
    store.connected = false;
    changed({ kind: 'connection' });
  });
  stream.addEventListener('message', (event) => {
    const change = JSON.parse(event.data);
    if (waiting) waiting.push(change);
    else apply(change);
  });
}

// Changes that come while the whole state is on its way are applied after it, in their order.
async function load() {
  waiting = [];
  const response = await fetch(`/act/state?user=${encodeURIComponent(store.me)}`);
  const state = await response.json();
  const missed = waiting ?? [];
  waiting = null;
  if (state.me !== store.me) return;
  Object.assign(store, { app: state.app, team: state.team, channels: state.channels, modals: state.modals, home: state.home });
  store.people = new Map(state.people.map((person) => [person.id, person]));
  store.people.set(state.app.user_id, { id: state.app.user_id, name: state.app.name, handle: state.app.name, title: 'App', app: true, bot: true });
  store.usergroups = new Map(state.usergroups.map((group) => [group.id, group]));
  store.messages = new Map(state.messages.map((message) => [key(message.channel, message.ts), message]));
  changed({ kind: 'all' });
  missed.forEach(apply);
}

function apply(change) {
  if (change.kind === 'message') {
    const { message } = change;
    const known = store.messages.has(key(message.channel, message.ts));
    store.messages.set(key(message.channel, message.ts), message);
    if (!known && message.user !== store.me) store.unread.add(message.channel);
  } else if (change.kind === 'deleted') {
    store.messages.delete(key(change.channel, change.ts));
  } else if (change.kind === 'modal') {
    store.modals = change.views;
  } else if (change.kind === 'home') {
    store.home = change.view;
  }
  changed(change);
}

export async function act(name, body) {
  let response;
  try {
    response = await fetch(`/act/${name}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ user: store.me, ...body }),
    });
  } catch {
    return { ok: false, error: 'The local workspace is not running any more.' };
  }
  const answer = await response.json();
  return response.ok ? answer : { ok: false, errors: {}, error: answer.error };
}

const byTs = (a, b) => (a.ts < b.ts ? -1 : 1);

export function inChannel(channel) {
  return [...store.messages.values()].filter((m) => m.channel === channel && (!m.thread_ts || m.broadcast)).sort(byTs);
}

export function inThread(channel, ts) {
  return [...store.messages.values()].filter((m) => m.channel === channel && (m.ts === ts || m.thread_ts === ts)).sort(byTs);
}

export function replies(channel, ts) {
  return [...store.messages.values()].filter((m) => m.channel === channel && m.thread_ts === ts && !m.ephemeral).sort(byTs);
}

export const me = () => store.people.get(store.me);

export function person(id) {
  return store.people.get(id) ?? { id, name: id, handle: id, title: '' };
}
