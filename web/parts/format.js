// Values as text for people: sizes, rates, times, and the state of a download in words. Pure.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

// Three significant digits, in the unit that keeps the number below 1,024.
export function bytes(count) {
  let value = Math.max(0, count);
  let unit = 0;
  for (; value >= 1023.5 && unit + 1 < UNITS.length; ++unit) value /= 1024;
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

export const rate = (bytesPerSecond) => `${bytes(bytesPerSecond)}/s`;
const limit = (value) => (value > 0 ? rate(value) : 'none');
export const limitsOf = (of) => (of.receiveLimit || of.sendLimit ? `↓ ${limit(of.receiveLimit)}, ↑ ${limit(of.sendLimit)}` : '');

// "2.9 of 4.6 GiB": the unit once, where both have the same.
export function bytesOf(held, all) {
  const whole = bytes(all);
  const unit = whole.slice(whole.indexOf(' '));
  const got = bytes(held);
  return `${got.endsWith(unit) ? got.slice(0, -unit.length) : got} of ${whole}`;
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '';
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, '0')}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${String(Math.floor(s / 60) % 60).padStart(2, '0')}m`;
  return `${Math.floor(s / 86400)}d ${String(Math.floor(s / 3600) % 24).padStart(2, '0')}h`;
}

const number = new Intl.NumberFormat('en');
export const count = (value) => number.format(value);
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

// Whole percent; 100 only when nothing is missing, 0 only when nothing is there.
export function percent(held, all) {
  if (all <= 0) return 0;
  if (held >= all) return 100;
  return Math.min(99, Math.max(held > 0 ? 1 : 0, Math.floor((held / all) * 100)));
}

// The signer of a content, in short. `key`: in base64, also after "ed25519:".
export const signedBy = (key, trusted) => `${trusted ? 'trusted key' : 'signed by'} ${key.split(':').at(-1).slice(0, 8)}…`;

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const hour = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
export const date = (when) => (when ? day.format(when) : '');
export function clock(when) {
  if (!when) return '';
  return new Date().toDateString() === when.toDateString() ? hour.format(when) : day.format(when);
}
export function ago(when, now = Date.now()) {
  if (!when) return '';
  const seconds = (now - when) / 1000;
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return plural(Math.floor(seconds / 86400), 'day') + ' ago';
}

// A rate that a person typed: "10 MiB", "800KiB/s", "20 Mbit", "none". Returns bytes per second (0: none), or
// null.
export function parseRate(text) {
  const typed = text.trim().toLowerCase();
  if (typed === '' || typed === 'none' || typed === '0') return 0;
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?)(bit|b)?(?:\/s|ps)?$/.exec(typed);
  if (!match) return null;
  const inBits = match[4] === 'bit';
  const base = match[3] || (!inBits && match[4] === undefined) ? 1024 : 1000;
  const value = Number(match[1]) * base ** (' kmgt'.indexOf(match[2] || ' ')) / (inBits ? 8 : 1);
  return value >= 1 ? Math.round(value) : null;
}

// How much of what is wanted a download holds, in whole percent and exactly.
export const shareOf = (d) => (d.state === 'COMPLETE' ? 100 : percent(d.held, d.wantedBytes));
export const fractionOf = (d) => (d.state === 'COMPLETE' ? 1 : d.held / Math.max(1, d.wantedBytes));
export const sizeOf = (d) => (d.state === 'COMPLETE' ? bytes(d.wantedBytes) : d.wantedBytes > 0 ? bytesOf(d.held, d.wantedBytes) : '');

// The state of a download: `kind` for the style and the filter, `text` for people.
export function stateOf(d) {
  if (d.state === 'FAILED') return { kind: 'failed', text: d.failure?.message ? `Failed: ${d.failure.message}` : 'Failed' };
  if (d.state === 'VERIFYING') return { kind: 'verifying', text: 'Checking what is on the disk' };
  if (d.state === 'COMPLETE') {
    if (d.sendRate > 0) return { kind: 'complete', text: `Complete, sending to ${plural(d.peers, 'peer')}` };
    return { kind: 'complete', text: 'Complete' };
  }
  if (d.paused) return { kind: 'paused', text: 'Paused' };
  if (d.state === 'FINISHING') return { kind: 'finishing', text: 'Giving the files their names' };
  if (d.waiting) return { kind: 'waiting', text: `Waiting: ${d.waiting}` };
  if (d.state === 'FINDING') return { kind: 'finding', text: 'Looking for who has it' };
  return { kind: 'fetching', text: d.peers > 0 ? `Fetching from ${plural(d.peers, 'peer')}` : 'Fetching' };
}
