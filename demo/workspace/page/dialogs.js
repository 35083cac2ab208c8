// Confirmation dialogs and modals, on the browser's own <dialog>: it keeps the focus inside.

import { blocks, text } from './blocks.js';
import { button, h, icon, toast } from './dom.js';
import { plainValue } from './elements.js';
import { act, store } from './store.js';

// https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object
export function confirmed(dialog) {
  return new Promise((resolve) => {
    const answer = (yes) => {
      node.close();
      node.remove();
      resolve(yes);
    };
    const title = dialog.title ? text(dialog.title) : 'Are you sure?';
    const node = h('dialog', { class: 'dialog confirm', 'aria-labelledby': 'confirm-title', on: { cancel: (event) => { event.preventDefault(); answer(false); } } },
      h('h2', { id: 'confirm-title' }, title),
      h('div', { class: 'dialog-text' }, text(dialog.text)),
      h('div', { class: 'dialog-buttons' },
        h('button', { type: 'button', class: 'push', data: { confirm: 'no' }, on: { click: () => answer(false) } }, dialog.deny ? text(dialog.deny) : 'Cancel'),
        h('button', { type: 'button', class: `push ${dialog.style ?? 'primary'}`, data: { confirm: 'yes' }, on: { click: () => answer(true) } }, dialog.confirm ? text(dialog.confirm) : 'Yes')));
    document.body.append(node);
    node.showModal();
  });
}

const held = new Map(); // view id -> block_id -> action_id -> value
let shown = null;
let node = null;

export function showModals() {
  const view = store.modals.at(-1) ?? null;
  if (view === null) {
    node?.close();
    node?.remove();
    node = shown = null;
    held.clear();
    return;
  }
  if (shown && shown.id === view.id && shown.hash === view.hash) return;
  const refreshed = shown?.id === view.id;
  shown = view;
  if (!held.has(view.id)) held.set(view.id, {});
  draw(view, {}, refreshed);
}

function draw(view, errors, keepFocus) {
  const focused = keepFocus ? document.activeElement?.dataset?.action : null;
  const host = modalHost(view, errors);
  const submit = view.submit && h('button', { type: 'submit', class: 'push primary', data: { modal: 'submit' } }, text(view.submit));
  const form = h('form', { class: 'modal-form', noValidate: true, on: { submit: (event) => { event.preventDefault(); send(view, submit); } } },
    h('header', {},
      h('img', { src: '/page/app.svg', alt: '', class: 'avatar small' }),
      h('h2', { id: 'modal-title' }, text(view.title)),
      button('Close', () => close(view, true), { class: 'icon-button', data: { modal: 'close' } }, icon('close'))),
    h('div', { class: 'modal-body' }, h('div', { class: 'dialog-note', role: 'alert' }), blocks(view.blocks, host)),
    h('footer', {},
      h('button', { type: 'button', class: 'push', data: { modal: 'cancel' }, on: { click: () => close(view, false) } }, view.close ? text(view.close) : view.submit ? 'Cancel' : 'Close'),
      submit));
  if (node === null) {
    node = h('dialog', { class: 'dialog modal', 'aria-labelledby': 'modal-title', on: { cancel: (event) => { event.preventDefault(); close(shown, false); } } });
    document.body.append(node);
  }
  node.replaceChildren(form);
  if (!node.open) node.showModal();
  const first = focused ? form.querySelector(`[data-action="${CSS.escape(focused)}"]`) : form.querySelector('[aria-invalid=true]') ?? form.querySelector('[data-autofocus]') ?? form.querySelector('.modal-body input, .modal-body textarea, .modal-body select');
  (first ?? form.querySelector('footer button:last-child')).focus();
}

function modalHost(view, errors) {
  const values = held.get(view.id);
  return {
    errors,
    held: (block, action) => (values[block] && action in values[block] ? values[block][action] : plainValue(view.values[block]?.[action])),
    hold: (block, action, value) => { (values[block] ??= {})[action] = value; },
    press: (block_id, action_id, value) => pressed({ view: view.id, block_id, action_id, value, values: entered(view) }),
    suggest: async (block_id, action_id, typed) => (await act('suggest', { view: view.id, block_id, action_id, text: typed })).options ?? [],
  };
}

// What was entered into the inputs that the view has now; an update may have taken others away.
function entered(view) {
  const values = held.get(view.id) ?? {};
  return Object.fromEntries(Object.entries(view.values).map(([block, actions]) => [block,
    Object.fromEntries(Object.keys(actions).filter((action) => values[block] && action in values[block]).map((action) => [action, values[block][action]]))]));
}

async function pressed(body) {
  const answer = await act('press', body);
  if (!answer.ok && answer.error && !/_/.test(answer.error)) toast(answer.error);
}

async function send(view, submit) {
  if (!submit || submit.disabled) return;
  submit.disabled = true;
  submit.classList.add('busy');
  const answer = await act('submit', { view: view.id, values: entered(view) });
  submit.disabled = false;
  submit.classList.remove('busy');
  if (Object.keys(answer.errors ?? {}).length) draw(shown ?? view, answer.errors, false);
  else if (!answer.ok) toast(`We had some trouble connecting. Try again? (${answer.error})`);
}

function close(view, cleared) {
  act('close', { view: view.id, cleared: cleared && Boolean(view.clear_on_close) });
}
