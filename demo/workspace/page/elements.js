// Interactive elements. https://docs.slack.dev/reference/block-kit/block-elements

import { button, h, icon, menu, safeUrl } from './dom.js';
import { confirmed } from './dialogs.js';
import { text } from './blocks.js';
import { store } from './store.js';

// An element that acts as soon as it is used: in an actions block or beside a section.
export function element(part, block, host) {
  const press = async (value, control) => {
    if (part.confirm && !(await confirmed(part.confirm))) {
      control?.restore?.();
      return;
    }
    await busy(control, () => host.press(block.block_id, part.action_id, value));
  };
  if (part.type === 'button' || part.type === 'workflow_button') return pushButton(part, press);
  if (part.type === 'overflow') return overflow(part, press);
  if (part.type === 'image') return h('span');
  return control(part, block, host, { label: part.placeholder?.text ?? part.action_id }, press);
}

// An element of an input block: what it holds is sent when the modal is submitted.
export function inputElement(part, block, host, field) {
  const dispatch = block.dispatch_action ? (value) => host.press(block.block_id, part.action_id, value) : null;
  return control(part, block, host, field, dispatch);
}

async function busy(control, work) {
  const node = control?.node;
  node?.classList.add('busy');
  node?.setAttribute('aria-busy', 'true');
  try {
    await work();
  } finally {
    node?.classList.remove('busy');
    node?.removeAttribute('aria-busy');
  }
}

function pushButton(part, press) {
  const href = part.url ? safeUrl(part.url) : null;
  const props = { class: `push ${part.style ?? ''}`, data: { action: part.action_id }, 'aria-label': part.accessibility_label };
  if (href) {
    const anchor = h('a', { ...props, href, target: '_blank', rel: 'noopener noreferrer', on: { click: () => press(undefined, { node: anchor }) } }, text(part.text));
    return anchor;
  }
  const made = h('button', { ...props, type: 'button', on: { click: () => { if (!made.classList.contains('busy')) press(undefined, { node: made }); } } }, text(part.text));
  return made;
}

function overflow(part, press) {
  const items = () => part.options.map((option) => ({
    content: [h('span', {}, text(option.text)), option.description && h('small', {}, text(option.description))],
    run: () => {
      if (option.url && safeUrl(option.url)) open(safeUrl(option.url), '_blank', 'noopener');
      press(option.value, { node: trigger });
    },
  }));
  const trigger = button('More options', () => menu(trigger, items()), { class: 'push more', 'aria-haspopup': 'menu', 'aria-expanded': 'false', data: { action: part.action_id } }, icon('more'));
  return trigger;
}

// Everything that holds a value. `act` is told at once of what is chosen; without it, the host is
// told to keep it.
function control(part, block, host, field, act) {
  const held = host.held(block.block_id, part.action_id);
  const base = {
    id: field.id,
    'aria-label': field.id ? undefined : field.label,
    'aria-describedby': field.describedBy,
    'aria-invalid': field.invalid ? 'true' : undefined,
    'aria-required': field.required ? 'true' : undefined,
    data: { action: part.action_id },
  };
  const keep = (value, node, restore) => {
    host.hold(block.block_id, part.action_id, value);
    if (act) act(value, { node, restore });
  };
  const make = CONTROLS[part.type] ?? unsupported;
  const made = make(part, base, held, keep, { block, host });
  if (part.focus_on_load) made.dataset.autofocus = '';
  return made;
}

const unsupported = (part) => h('span', { class: 'unknown' }, `[${part.type}]`);

function typedInput(type) {
  return (part, base, held, keep) => {
    const long = part.type === 'plain_text_input' && part.multiline;
    const node = h(long ? 'textarea' : 'input', {
      ...base,
      class: 'typed',
      type: long ? undefined : type,
      rows: long ? 4 : undefined,
      step: part.type === 'number_input' ? (part.is_decimal_allowed ? 'any' : '1') : undefined,
      placeholder: part.placeholder?.text ?? '',
      value: held ?? '',
      on: { input: () => keep(node.value, node) },
    });
    if (part.max_length && part.max_length < 3000) {
      const count = h('span', { class: 'count', 'aria-hidden': 'true' });
      const show = () => { count.textContent = `${node.value.length} / ${part.max_length}`; };
      node.addEventListener('input', show);
      show();
      return h('div', { class: 'counted' }, node, count);
    }
    return node;
  };
}

function dropdown(options, initialLabel) {
  return (part, base, held, keep) => {
    const groups = options(part);
    const known = groups.flatMap((group) => group.options).some((option) => option.value === held);
    const node = h('select', { ...base, class: 'pick', on: { change: () => {
      const before = node.dataset.before;
      keep(node.value || null, node, () => { node.value = before; });
      node.dataset.before = node.value;
    } } },
    h('option', { value: '', selected: !known }, part.placeholder?.text ?? initialLabel),
    groups.map((group) => {
      const entries = group.options.map((option) => h('option', { value: option.value, selected: option.value === held }, option.label));
      return group.label ? h('optgroup', { label: group.label }, entries) : entries;
    }));
    node.dataset.before = node.value;
    return node;
  };
}

function choices(type) {
  return (part, base, held, keep) => {
    const name = `choice-${Math.random().toString(36).slice(2)}`;
    const box = h('div', { ...base, class: 'choices', role: type === 'radio' ? 'radiogroup' : 'group' });
    const values = () => [...box.querySelectorAll('input:checked')].map((input) => input.value);
    box.append(...offered(part).flatMap((group) => group.options).map((option) => h('label', { class: 'choice' },
      h('input', { type, name, value: option.value, checked: type === 'radio' ? held === option.value : (held ?? []).includes(option.value), on: { change: () => keep(type === 'radio' ? values()[0] : values(), box) } }),
      h('span', {}, option.rich ? text(option.rich) : option.label, option.description && h('small', {}, text(option.description))))));
    return box;
  };
}

function many(options) {
  return (part, base, held, keep, context) => choices('checkbox')({ ...part, options: null, given: options(part) }, base, held, keep, context);
}

function searched(part, base, held, keep, { block, host }) {
  const results = h('div', { class: 'suggestions', role: 'listbox' });
  let latest = 0;
  const node = h('input', { ...base, class: 'typed', type: 'search', autocomplete: 'off', placeholder: part.placeholder?.text ?? 'Type to search', value: held ?? '', on: { input: async () => {
    const mine = ++latest;
    const found = node.value.length >= (part.min_query_length ?? 3) ? await host.suggest(block.block_id, part.action_id, node.value) : [];
    if (mine !== latest) return;
    results.replaceChildren(...found.map((option) => h('button', { type: 'button', role: 'option', on: { click: () => {
      node.value = option.text.text;
      keep(option, node);
      results.replaceChildren();
    } } }, option.text.text)));
  } } });
  return h('div', { class: 'searched' }, node, results);
}

const offered = (part) => part.given ?? (part.option_groups ?? [{ options: part.options ?? [] }]).map((group) => ({
  label: group.label?.text,
  options: group.options.map((option) => ({ value: option.value, label: option.text.text, rich: option.text, description: option.description })),
}));

const people = () => [{ options: [...store.people.values()].filter((p) => p.id !== 'USLACKBOT').map((p) => ({ value: p.id, label: p.name })) }];
const channels = () => [{ options: store.channels.map((channel) => ({ value: channel.id, label: `#${channel.name}` })) }];

const CONTROLS = {
  plain_text_input: typedInput('text'),
  email_text_input: typedInput('email'),
  url_text_input: typedInput('url'),
  number_input: typedInput('number'),
  datepicker: typedInput('date'),
  timepicker: typedInput('time'),
  static_select: dropdown(offered, 'Select an item'),
  users_select: dropdown(people, 'Select a person'),
  channels_select: dropdown(channels, 'Select a channel'),
  conversations_select: dropdown(channels, 'Select a conversation'),
  radio_buttons: choices('radio'),
  checkboxes: choices('checkbox'),
  multi_static_select: many(offered),
  multi_users_select: many(people),
  multi_channels_select: many(channels),
  multi_conversations_select: many(channels),
  external_select: searched,
  datetimepicker: (part, base, held, keep) => {
    const shown = held ? new Date(held * 1000 - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : '';
    const node = h('input', { ...base, class: 'typed', type: 'datetime-local', value: shown, on: { change: () => keep(Math.floor(new Date(node.value).getTime() / 1000), node) } });
    return node;
  },
};

// What `state.values` holds, as the controls show it.
export function plainValue(state) {
  if (!state) return null;
  if ('value' in state) return state.value;
  if ('selected_option' in state) return state.selected_option?.value ?? null;
  if ('selected_options' in state) return (state.selected_options ?? []).map((option) => option.value);
  const field = Object.keys(state).find((name) => name.startsWith('selected_'));
  return field ? state[field] : null;
}
