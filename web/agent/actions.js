// What a person can do to downloads. Each action reports its failure; what it changed comes with Watch.

import { call, contentAddress } from './api.js';
import { h, button, checkbox, field, openDialog, openForm, openMenu, textInput, toast } from '../parts/dom.js';
import { bytes, parseRate, plural } from '../parts/format.js';
import { store } from './store.js';

// Calls a method and shows the reason if it fails. Returns its response, or null.
export async function attempt(method, request) {
  try {
    return await call(method, request);
  } catch (error) {
    toast(error.message, 'bad');
    return null;
  }
}

const idsOf = (downloads) => downloads.map((d) => d.id);
export const canPause = (d) => !d.paused && d.state !== 'COMPLETE' && d.state !== 'FAILED';
export const canResume = (d) => (d.paused && d.state !== 'COMPLETE') || d.state === 'FAILED';

// What the button of a download does; empty: nothing.
export const actionOf = (d) => (canPause(d) ? 'Pause' : d.state === 'FAILED' ? 'Try again' : canResume(d) ? 'Resume' : '');

export const pause = (downloads) => attempt('Pause', { ids: idsOf(downloads.filter(canPause)) });
export const resume = (downloads) => attempt('Resume', { ids: idsOf(downloads.filter(canResume)) });
export const pin = (downloads, pinned) => attempt('Pin', { ids: idsOf(downloads), pinned });

export function toggle(downloads) {
  return downloads.some(canPause) ? pause(downloads) : downloads.some(canResume) ? resume(downloads) : null;
}

export async function verify(downloads) {
  if (await attempt('Verify', { ids: idsOf(downloads) })) toast(`Checking ${plural(downloads.length, 'download')}`);
}

// Asks, because it can't be undone. `removed` is called when it was done.
export function remove(downloads, removed = () => {}) {
  const held = downloads.reduce((sum, d) => sum + d.held, 0);
  const one = downloads.length === 1;
  const withData = checkbox('Delete the files too', `Frees ${bytes(held)} on the disk. This can’t be undone.`);
  const names = one ? null : h('p', { class: 'soft' },
    downloads.slice(0, 6).map((d) => d.name).join(', ') + (downloads.length > 6 ? ' …' : ''));
  openForm(one ? `Remove ${downloads[0].name}?` : `Remove ${plural(downloads.length, 'download')}?`, [
    names,
    h('p', null, `The agent forgets ${one ? 'it' : 'them'}, and serves ${one ? 'it' : 'them'} no longer. What is on the disk stays there.`),
    withData.element,
  ], 'Remove', async () => {
    await call('Remove', { ids: idsOf(downloads), withData: withData.input.checked });
    removed();
  }, 'small danger');
}

export function openDownloadMenu(anchor, d, removed) {
  openMenu(anchor, [
    actionOf(d) && { label: actionOf(d), icon: canPause(d) ? 'pause' : 'play', act: () => toggle([d]) },
    { label: 'Check the files', icon: 'check', act: () => verify([d]) },
    { label: d.pinned ? 'Unpin' : 'Pin', icon: 'pin', act: () => pin([d], !d.pinned) },
    { label: 'Limit …', icon: 'gauge', act: () => askLimits(`Limit of ${d.name}`, 'Below the limit of the agent', d, d) },
    { label: 'Open', icon: 'list', act: () => { location.hash = `#/download/${d.id}`; } },
    { label: 'Remove …', icon: 'remove', bad: true, act: () => remove([d], removed) },
  ].filter(Boolean));
}

// A field for a limit, and what is written in it.
function limitField(label, value) {
  const input = textInput('none', { value: value === 0 ? '' : bytes(value).replace(/\.0+ /, ' ') });
  return { element: field(label, input, 'as in 12 MiB or 100 Mbit; empty: none'), read() {
    const limit = parseRate(input.value);
    if (limit === null) throw new Error(`“${input.value}” is no rate. Write it as in 800 KiB or 20 Mbit.`);
    return String(limit);
  } };
}

// Of `d`, or of the agent.
function askLimits(title, text, limits, d) {
  const receive = limitField('Receive at most', limits.receiveLimit);
  const send = limitField('Send at most', limits.sendLimit);
  openForm(title, [
    h('p', { class: 'soft' }, `${text}, in bytes per second. It applies at once.`),
    h('div', { class: 'two' }, receive.element, send.element),
  ], 'Apply', () => call('SetLimits', {
    limits: { receiveBytesPerSecond: receive.read(), sendBytesPerSecond: send.read() }, ids: d && [d.id],
  }), 'small');
}

export const openLimits = () => askLimits('Limits of the agent', 'For all downloads together', store.totals);

export function openFollow(glob = '') {
  const rule = textInput('nightly-*', { value: glob, autofocus: true });
  const keep = h('input', { type: 'number', min: 1, max: 1000, value: 1 });
  const folder = textInput('the agent’s folder');
  openForm('Follow names', [
    h('p', { class: 'soft' }, 'Whatever is published under a matching name from now on is fetched by itself, and each new version of it.'),
    field('Names', rule, '* and ? match any characters'),
    h('div', { class: 'two' }, field('Versions to keep', keep), field('Folder', folder)),
  ], 'Follow', async () => {
    if (rule.value.trim() === '') throw new Error('Write which names to follow.');
    await call('Follow', { rule: { glob: rule.value.trim(), keepVersions: Math.max(1, Math.round(Number(keep.value)) || 1),
      outputFolder: folder.value.trim() } });
    toast(`Following ${rule.value.trim()}`, 'good');
  }, 'small');
}

const VIDEO = /\.(mp4|m4v|webm|mkv|mov|ogv)$/i;
const AUDIO = /\.(mp3|m4a|aac|ogg|oga|opus|flac|wav)$/i;
const IMAGE = /\.(png|jpe?g|gif|webp|avif|bmp)$/i;

// Whether a file can be shown here. Others are only saved.
export const isPlayable = (path) => VIDEO.test(path) || AUDIO.test(path) || IMAGE.test(path);

// Shows a file, also one that is still being fetched: what is played next is fetched first.
export function play(d, path) {
  const address = contentAddress(d.hex, path);
  let viewer;
  if (IMAGE.test(path)) viewer = h('img', { class: 'shown', src: address, alt: path });
  else viewer = h(VIDEO.test(path) ? 'video' : 'audio', { src: address, controls: true, autoplay: true, preload: 'metadata' });
  const error = h('p', { class: 'error', role: 'alert', hidden: true },
    'The browser can’t show this file, or it did not arrive. It can still be saved, or opened by another player.');
  viewer.addEventListener('error', () => { error.hidden = false; });
  const inside = h('div', { class: 'inside' }, viewer, error, h('div', { class: 'ends' },
    h('a', { class: 'button', href: address, target: '_blank', rel: 'noopener' }, 'Open in a tab'),
    h('a', { class: 'button', href: contentAddress(d.hex, path, true), download: true }, 'Save'),
    button('Close', null, () => dialog.close(), 'main')));
  const dialog = openDialog(path.split('/').at(-1), inside, 'broad');
  dialog.addEventListener('close', () => { viewer.removeAttribute('src'); viewer.load?.(); });
}
