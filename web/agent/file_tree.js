// The files of a content as a tree. In a download each file has a checkbox, a priority and its progress;
// before one, a checkbox only. Entries are shown in portions, so 10,000 files are as fast as ten.

import * as actions from './actions.js';
import { contentAddress } from './api.js';
import { KeyedRows, attribute, h, icon, iconButton, linkButton, progressBar, put, setProgress, show } from '../parts/dom.js';
import { bytes, percent, plural } from '../parts/format.js';

export const SKIP = 'FILE_PRIORITY_SKIP';
const NORMAL = 'FILE_PRIORITY_NORMAL';
const PRIORITIES = { FILE_PRIORITY_HIGH: 'High', [NORMAL]: 'Normal', FILE_PRIORITY_LOW: 'Low', [SKIP]: 'Skip' };
const PORTION = 300;

// A glob that matches exactly this text.
const literal = (text) => text.replace(/[\\*?[\]]/g, '\\$&');

function grown(files) {
  const root = { name: 'All files', path: '', key: '', depth: -1, folders: new Map(), leaves: [] };
  for (const file of files) {
    const names = file.path.split('/');
    let folder = root;
    for (const name of names.slice(0, -1)) {
      let next = folder.folders.get(name);
      if (!next) {
        const key = `${folder.key}${name}/`;
        folder.folders.set(name, next = { name, key, path: key.slice(0, -1), depth: folder.depth + 1, folders: new Map(), leaves: [] });
      }
      folder = next;
    }
    folder.leaves.push({ name: names.at(-1), path: file.path, key: file.path, depth: folder.depth + 1, file });
  }
  return root;
}

// The sums over what is in a folder.
function sum(node) {
  if (node.file) {
    const { length, held, priority } = node.file;
    return { length, held, files: 1, wanted: priority === SKIP ? 0 : 1, priority };
  }
  const total = { length: 0, held: 0, files: 0, wanted: 0, priority: undefined };
  for (const child of [...node.folders.values(), ...node.leaves]) {
    const { length, held, files, wanted, priority } = sum(child);
    total.length += length;
    total.held += held;
    total.wanted += wanted;
    total.priority = total.files === 0 || total.priority === priority ? priority : null;
    total.files += files;
  }
  return Object.assign(node, { sums: total }).sums;
}

class TreeRow {
  constructor(tree, node) {
    this.node = node;
    const id = `file-${tree.id}-${node.key}`;
    this.check = h('input', { type: 'checkbox', id, on: { change: () => tree.set(node, this.check.checked ? NORMAL : SKIP) } });
    this.twist = node.file || node.key === '' ? h('span', { class: 'no-twist' })
      : h('button', { type: 'button', class: 'twist', 'aria-label': `Contents of ${node.name}`, on: { click: () => tree.toggle(node) } },
        icon('next'));
    const leaf = h('div', { class: 'leaf', role: 'cell' }, this.twist, this.check, icon(node.file ? 'file' : 'folder'),
      h('label', { for: id, title: node.path }, node.name));
    this.size = h('span', { class: 'number c-size', role: 'cell' });
    this.element = h('div', { class: 'row', role: 'row' }, leaf);
    this.element.style.setProperty('--depth', Math.max(0, node.depth));
    if (tree.download) {
      this.bar = progressBar(`Progress of ${node.name}`);
      this.share = h('span');
      this.select = h('select', { class: 'small', 'aria-label': `Priority of ${node.name}`,
        on: { change: () => tree.set(node, this.select.value) } },
        Object.entries(PRIORITIES).map(([value, name]) => h('option', { value }, name)),
        !node.file && h('option', { value: '', hidden: true }, 'Mixed'));
      const links = this.links = h('div', { class: 'cell-actions', role: 'cell' });
      if (node.file) {
        if (actions.isPlayable(node.path)) links.append(iconButton(`Play ${node.name}`, 'play',
          () => actions.play(tree.download, node.path)));
        links.append(h('a', { class: 'quiet', href: contentAddress(tree.download.hex, node.path, true), download: true,
          'aria-label': `Save ${node.name}`, title: 'Save; it may still be on its way' }, icon('down')));
      }
      this.element.append(h('div', { class: 'cell-progress', role: 'cell' }, this.bar, this.share), this.size, this.select, links);
    } else {
      this.element.append(this.size);
    }
    this.tree = tree;
  }

  update({ node }) {
    const { length, held, files, wanted, priority } = node.sums ?? sum(node);
    this.check.checked = wanted > 0;
    this.check.indeterminate = wanted > 0 && wanted < files;
    this.element.classList.toggle('is-skipped', wanted === 0);
    put(this.size, bytes(length));
    if (!node.file && node.key) attribute(this.twist, 'aria-expanded', this.tree.open.has(node.key));
    if (!this.tree.download) return;
    const share = length === 0 ? 100 : percent(held, length);
    setProgress(this.bar, share, length === 0 ? 1 : held / length);
    attribute(this.bar, 'class', `bar ${share === 100 ? 'is-complete' : wanted === 0 ? 'is-paused' : ''}`);
    put(this.share, `${share} %`);
    // What was skipped until the end never comes.
    this.links.style.visibility = share < 100 && wanted === 0 && this.tree.download.state === 'COMPLETE' ? 'hidden' : '';
    const value = priority ?? '';
    if (this.select.value !== value && document.activeElement !== this.select) this.select.value = value;
  }
}

let trees = 0;

export class FileTree {
  // `files`: {path, length, held, priority}, which belong to the tree from now on. `download`: of which they
  // are; absent: none yet. `changed(rules)`: what a person chose, as rules of SetFilePriority.
  constructor(files, download, changed) {
    this.id = ++trees;
    this.files = files;
    this.download = download;
    this.changed = changed;
    this.root = grown(files);
    this.open = new Set();
    this.portions = new Map();
    this.element = h('div', { class: `list tree ${download ? '' : 'plain'}`, role: 'table', 'aria-label': 'Files' });
    this.rows = new KeyedRows(this.element, ({ key }) => key, (item) => (item.rest ? this.#more(item) : new TreeRow(this, item.node)));
    if (files.length <= PORTION) this.#openAll(this.root);
    else if (this.root.folders.size === 1 && this.root.leaves.length === 0) this.open.add([...this.root.folders.values()][0].key);
    this.render();
  }

  #openAll(node) {
    for (const folder of node.folders.values()) {
      this.open.add(folder.key);
      this.#openAll(folder);
    }
  }

  #more({ node }) {
    const element = h('div', { class: 'more' }, linkButton('', () => {
      this.portions.set(node.key, (this.portions.get(node.key) ?? PORTION) + PORTION);
      this.render();
    }));
    return { element, update: ({ rest }) =>
      put(element.firstChild, `Show more of ${node.key || 'all files'} (${plural(rest, 'entry', 'entries')} left)`) };
  }

  toggle(node) {
    if (!this.open.delete(node.key)) this.open.add(node.key);
    this.render();
  }

  #visible(node, list) {
    const children = [...node.folders.values(), ...node.leaves];
    const portion = this.portions.get(node.key) ?? PORTION;
    for (const child of children.slice(0, portion)) {
      list.push({ key: child.key, node: child });
      if (!child.file && this.open.has(child.key)) this.#visible(child, list);
    }
    if (children.length > portion) list.push({ key: `more:${node.path}`, node, rest: children.length - portion });
    return list;
  }

  // After files changed.
  render() {
    sum(this.root);
    this.rows.set(this.#visible(this.root, this.files.length > 1 ? [{ key: '', node: this.root }] : []));
  }

  set(node, priority) {
    const rules = this.#rulesFor(node, priority);
    const apply = (at) => {
      if (at.file) at.file.priority = priority;
      else for (const child of [...at.folders.values(), ...at.leaves]) apply(child);
    };
    apply(node);
    this.render();
    this.changed?.(rules);
  }

  #rulesFor(node, priority) {
    if (node === this.root) return [{ glob: '*', priority }];
    const rules = [{ glob: literal(node.path) + (node.file ? '' : '/'), priority }];
    // A glob without a slash matches files of that name in every folder: the others stay what they are.
    if (node.file && !node.path.includes('/')) {
      for (const { path, priority: current } of this.files) {
        if (path.endsWith(`/${node.name}`)) rules.push({ glob: literal(path), priority: current });
      }
    }
    return rules;
  }

  // What is skipped, as rules of Add.
  skipped() {
    const rules = [];
    const collect = (node) => {
      if (node.sums?.wanted === 0 && !node.file && node.key) return rules.push({ glob: literal(node.path) + '/', priority: SKIP });
      if (node.file) return node.file.priority === SKIP && rules.push(...this.#rulesFor(node, SKIP));
      return [...node.leaves, ...node.folders.values()].forEach(collect);
    };
    collect(this.root);
    return rules;
  }
}

// Files of a GetManifestResponse, as FileTree takes them.
export const filesOf = (manifest) => (manifest.files ?? []).map((file) => ({
  path: file.path, length: Number(file.lengthBytes ?? 0), held: Number(file.heldBytes ?? 0),
  priority: file.priority && file.priority !== 'FILE_PRIORITY_UNSPECIFIED' ? file.priority : NORMAL,
}));

export function leftOutNote(manifest) {
  const shown = manifest.files?.length ?? 0;
  const note = h('p', { class: 'more soft' }, `The first ${plural(shown, 'file')} of ${manifest.fileCount ?? 0}`);
  show(note, (manifest.fileCount ?? 0) > shown);
  return note;
}
