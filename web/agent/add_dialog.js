// Adding a download: by name, with suggestions from what trackers offer; by content id; by a .shoal file,
// dropped or chosen.

import { call, randomId, toBase64 } from './api.js';
import { announce, h, checkbox, field, icon, linkButton, openForm, put, textInput, toast } from '../parts/dom.js';
import { bytes, plural } from '../parts/format.js';

const LONGEST_FILE_BYTES = 64 * 1024 * 1024;
const HEX = /^[0-9a-f]{64}$/i;
let suggestions = 0; // ids of lists, one for each dialog

// Calls `suggest` with what trackers offer under the text that is being typed.
function combobox(input, picked) {
  const id = `suggestions-${++suggestions}`;
  const list = h('ul', { role: 'listbox', id, 'aria-label': 'Offered', hidden: true });
  const status = h('span', { class: 'unseen', role: 'status' });
  let offers = [];
  let at = -1;
  let timer;
  let asking;
  const open = (visible) => {
    list.hidden = !visible;
    input.setAttribute('aria-expanded', String(visible));
    if (!visible) input.removeAttribute('aria-activedescendant');
  };
  const mark = (index) => {
    at = index;
    [...list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === at)));
    if (at < 0) return input.removeAttribute('aria-activedescendant');
    list.children[at].scrollIntoView({ block: 'nearest' });
    input.setAttribute('aria-activedescendant', list.children[at].id);
  };
  const pick = (index) => {
    input.value = offers[index].name;
    picked(offers[index]);
    open(false);
  };
  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const text = input.value.trim();
    if (text === '' || HEX.test(text)) return open(false);
    try {
      offers = (await call('ListAvailable', { nameContains: text, pageSize: 8 }, asking.signal)).contents ?? [];
    } catch {
      return open(false); // the name may be typed without them
    }
    if (input.value.trim() !== text || !input.isConnected) return;
    list.replaceChildren(...offers.map((offer, index) => h('li', { role: 'option', id: `${id}-${index}`, 'aria-selected': 'false',
      on: { pointerdown: (event) => { event.preventDefault(); pick(index); } } },
      h('span', null, offer.name), h('span', null,
        `${bytes(Number(offer.lengthBytes ?? 0))} · ${offer.downloadId ? 'added already' : plural(offer.seeders ?? 0, 'seeder')}`))));
    put(status, offers.length === 0 ? 'Nothing offered has this name' : `${plural(offers.length, 'suggestion')}`);
    mark(-1);
    open(offers.length > 0 && document.activeElement === input);
  };
  input.addEventListener('input', () => { picked(null); clearTimeout(timer); timer = setTimeout(ask, 150); });
  input.addEventListener('blur', () => open(false));
  input.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    if (event.key === 'ArrowDown') mark((at + 1) % offers.length);
    else if (event.key === 'ArrowUp') mark((at <= 0 ? offers.length : at) - 1);
    else if (event.key === 'Enter' && at >= 0) pick(at);
    else if (event.key === 'Escape') open(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  input.setAttribute('aria-controls', id);
  return h('div', { class: 'suggest' }, input, list, status);
}

const listOf = (text) => text.split(/[\s,]+/).filter(Boolean);

export function openAdd(text = '', files = []) {
  let offer = null;
  let chosen = [...files];
  const requestId = randomId(); // the same in each attempt of this dialog
  const input = textInput('llama.gguf', { value: text, autofocus: true, role: 'combobox', 'aria-expanded': 'false',
    'aria-autocomplete': 'list' });
  const chooser = h('input', { type: 'file', accept: '.shoal', multiple: true, class: 'unseen', tabindex: -1, 'aria-hidden': 'true' });
  const fileList = h('span');
  const showFiles = () => put(fileList,
    chosen.length === 0 ? 'Or drop a .shoal file here, or' : chosen.map((file) => file.name).join(', '));
  chooser.addEventListener('change', () => { chosen = [...chooser.files]; showFiles(); });
  showFiles();
  const target = h('div', { class: 'target' }, icon('file'), fileList,
    linkButton(chosen.length === 0 ? 'choose one' : 'choose others', () => chooser.click()), chooser);
  const folder = textInput('the agent’s folder');
  const trackers = textInput('the agent’s trackers');
  const include = textInput('all files');
  const exclude = textInput('none');
  const paused = checkbox('Add it paused', 'Choose files first, then resume.');
  const sequential = checkbox('In order', 'From the first byte to the last; slower for the other peers.');
  const pinned = checkbox('Pin it', 'Kept whatever the disk budget says.');
  const repair = checkbox('Replace what is there', 'A damaged or older file of that name is repaired or replaced.');
  const options = h('details', null, h('summary', null, 'More options'), h('fieldset', null,
    h('div', { class: 'two' }, field('Folder', folder, 'An absolute path'), field('Trackers', trackers, 'Separated by spaces'),
      field('Only files that match', include, 'as in *.csv train/*'), field('But not', exclude, 'as in *.tmp'),
      paused.element, sequential.element, pinned.element, repair.element)));

  const request = (content) => ({
    ...content, trackers: listOf(trackers.value), outputFolder: folder.value.trim(), include: listOf(include.value),
    exclude: listOf(exclude.value),
    paused: paused.input.checked, sequential: sequential.input.checked, pinned: pinned.input.checked, repair: repair.input.checked,
  });
  const submit = async () => {
    const wanted = input.value.trim();
    if (wanted === '' && chosen.length === 0) throw new Error('Write a name or a content id, or choose a .shoal file.');
    const added = [];
    for (const [index, file] of chosen.entries()) {
      if (file.size > LONGEST_FILE_BYTES) throw new Error(`${file.name} is too large for a .shoal file.`);
      added.push(await call('Add', request({ manifestFile: toBase64(await file.arrayBuffer()), requestId: `${requestId}-${index}` })));
    }
    if (wanted !== '') {
      const content = HEX.test(wanted) ? { contentHex: wanted.toLowerCase() }
        : offer ? { contentHex: offer.contentHex, trackers: offer.trackers } : { name: wanted };
      added.push(await call('Add', { ...request(content), requestId }));
    }
    location.hash = '#/';
    reportAdded(added);
  };
  const dialog = openForm('Add a download',
    [field('Name or content id', combobox(input, (picked) => { offer = picked; })), target, options], 'Add', submit);
  dialog.takeFiles = (more) => { chosen = [...chosen, ...more]; showFiles(); };
  return dialog;
}

export function reportAdded(responses) {
  // Where its row appears, nothing more has to be seen.
  const say = location.hash.length > 2 ? toast : announce;
  for (const { download, existed } of responses) {
    const name = download.name || download.wanted;
    if (existed) toast(`${name} was there already`);
    else say(`${name} is added`, 'good');
  }
}

export function acceptDrops() {
  let depth = 0;
  const holdsFiles = (event) => event.dataTransfer?.types.includes('Files');
  const over = (entered) => {
    depth = Math.max(0, depth + entered);
    document.body.classList.toggle('dropping', depth > 0);
  };
  addEventListener('dragenter', (event) => { if (holdsFiles(event)) over(1); });
  addEventListener('dragleave', (event) => { if (holdsFiles(event)) over(-1); });
  addEventListener('dragover', (event) => { if (holdsFiles(event)) event.preventDefault(); });
  addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(0);
    const files = [...event.dataTransfer.files].filter((file) => file.name.toLowerCase().endsWith('.shoal'));
    if (files.length === 0) return toast('Only .shoal files can be added here.', 'bad');
    const open = document.querySelector('dialog[open]');
    if (open?.takeFiles) open.takeFiles(files);
    else openAdd('', files);
  });
}
