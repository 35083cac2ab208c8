// Dates in the time zone of the person one acts as.
// https://docs.slack.dev/messaging/formatting-message-text#date-formatting

import { me } from './store.js';

const format = (date, options) => new Intl.DateTimeFormat('en', { timeZone: me()?.tz, ...options }).format(date);

const dayOf = (date) => format(date, { year: 'numeric', month: '2-digit', day: '2-digit' });

const long = { weekday: 'long', month: 'long', day: 'numeric', year: 'numeric' };
const middle = { month: 'long', day: 'numeric', year: 'numeric' };
const short = { month: 'short', day: 'numeric', year: 'numeric' };

const PARTS = {
  date_num: (date) => new Intl.DateTimeFormat('en-CA', { timeZone: me()?.tz }).format(date),
  date: (date) => format(date, middle),
  date_short: (date) => format(date, short),
  date_long: (date) => format(date, long),
  date_pretty: (date) => relativeDay(date) ?? format(date, middle),
  date_short_pretty: (date) => relativeDay(date) ?? format(date, short),
  date_long_pretty: (date) => relativeDay(date) ?? format(date, long),
  time: (date) => format(date, { hour: 'numeric', minute: '2-digit' }),
  time_secs: (date) => format(date, { hour: 'numeric', minute: '2-digit', second: '2-digit' }),
  ago: (date) => ago(date),
};

// Null where the timestamp is none, so that the fallback shows.
export function formatDate(seconds, pattern) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return null;
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(PARTS, name) ? PARTS[name](date) : whole));
}

export const timeOf = (ts) => PARTS.time(new Date(Number(ts) * 1000));
export const fullTime = (ts) => format(new Date(Number(ts) * 1000), { ...long, hour: 'numeric', minute: '2-digit', second: '2-digit' });
export const dayName = (ts) => {
  const date = new Date(Number(ts) * 1000);
  const near = relativeDay(date);
  return near ? near[0].toUpperCase() + near.slice(1) : format(date, { weekday: 'long', month: 'long', day: 'numeric' });
};
export const dayKey = (ts) => dayOf(new Date(Number(ts) * 1000));

function relativeDay(date) {
  const day = 86_400_000;
  const near = { today: 0, yesterday: -day, tomorrow: day };
  return Object.keys(near).find((name) => dayOf(new Date(Date.now() + near[name])) === dayOf(date)) ?? null;
}

function ago(date) {
  const seconds = (date.getTime() - Date.now()) / 1000;
  const steps = [['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(Math.round(seconds / size), unit);
}
