// What trackers offer: search, look into, fetch, follow.

import { attempt, openFollow } from './actions.js';
import { call, randomId } from './api.js';
import { reportAdded } from './add_dialog.js';
import { attribute, bones, button, emptyState, h, iconButton, put, searchField, show, showEither, titledView, toast } from '../parts/dom.js';
import { FileTree, filesOf, leftOutNote } from './file_tree.js';
import { ago, bytes, count, plural, signedBy } from '../parts/format.js';
import { store } from './store.js';
import { Pager, Table } from '../parts/table.js';

const PAGE = 50;
const TYPING_MS = 200;

export class OfferedView {
  title = 'Offered';

  constructor() {
    this.tokens = ['']; // of the pages up to this one
    this.search = searchField('Search by name', () => { this.tokens = ['']; this.#load(); }, TYPING_MS);
    this.status = h('span', { class: 'soft', role: 'status' });
    this.table = new Table('Offered', 'offers', [
      { name: '', css: 'tree', make: (row) => iconButton('Files', 'next', (event) => this.#look(row, event.currentTarget), 'twist'),
        write: (c, cell) => attribute(cell.firstChild, 'aria-label', `Files of ${c.name}`) },
      { name: 'Name', css: 'cell-name c-name', make: () => [h('strong'), h('small', { class: 'soft mono' })], write(c, cell) {
        put(cell.firstChild, c.name);
        const signers = c.signers ?? [];
        put(cell.lastChild, [c.contentHex.slice(0, 16), ...signers.map((s) => signedBy(s.key, s.trusted))].join(' · '));
        attribute(cell, 'title', [c.name, c.contentHex, ...signers.map((s) => s.key)].join('\n'));
      } },
      { name: 'Size', css: 'number c-size', write: (c) => bytes(Number(c.lengthBytes ?? 0)) },
      { name: 'Files', css: 'number c-files', write: (c) => count(c.fileCount ?? 0) },
      { name: 'Seeders', css: 'number c-seeders', write(c, cell) {
        cell.classList.toggle('bad', !c.seeders);
        return count(c.seeders ?? 0);
      } },
      { name: 'Leechers', css: 'number c-leechers', write: (c) => count(c.leechers ?? 0) },
      { name: 'Offered', css: 'c-seen soft', write: (c) => ago(c.firstSeen && new Date(c.firstSeen)) },
      { name: '', css: 'cell-actions', make: (row) => [button('Get', 'down', () => this.#get(row), 'small main'),
        h('a', { class: 'button small' }, 'Open'), button('Follow', 'follow', () => openFollow(row.item.name), 'small')], write(c, cell) {
        const [get, open] = cell.children;
        const here = Number(c.downloadId ?? 0) > 0;
        show(get, !here);
        show(open, here);
        attribute(open, 'href', `#/download/${c.downloadId}`);
      } },
    ], (c) => c.contentHex);
    show(this.table.element, false);
    this.other = h('div', null, bones());
    this.pager = new Pager((by) => {
      by < 0 ? this.tokens.pop() : this.tokens.push(this.nextToken);
      this.#load();
    });
    this.element = titledView(this.title,
      h('p', null, 'What the trackers know. Look into a content before it is fetched, or follow its name.'),
      h('div', { class: 'tools' }, this.search.element, this.status, button('Refresh', null, () => this.#load())),
      h('div', { class: 'card' }, this.table.element, this.other, this.pager.element));
  }

  shown(text) {
    if (text) { this.search.input.value = text; this.tokens = ['']; }
    this.#load();
  }

  left() { this.asking?.abort(); }

  update(news) {
    // A download that was added or removed elsewhere, and the agent coming back.
    if (news.all) this.#load();
  }

  async #load() {
    this.asking?.abort();
    const asking = this.asking = new AbortController();
    const text = this.search.input.value.trim();
    try {
      const { contents = [], nextPageToken = '' } = await call('ListAvailable',
        { nameContains: text, pageSize: PAGE, pageToken: this.tokens.at(-1) }, asking.signal);
      if (asking.signal.aborted) return;
      this.nextToken = nextPageToken;
      this.#show(contents, text);
    } catch (error) {
      if (asking.signal.aborted) return;
      // A page of a tracker that was started anew.
      if (error.code === 'invalid_argument' && this.tokens.length > 1) { this.tokens = ['']; return void this.#load(); }
      put(this.status, '');
      showEither(false, this.table.element, this.other);
      show(this.pager.element, false);
      this.other.replaceChildren(emptyState('The trackers don’t answer', error.message,
        button('Try again', null, () => this.#load(), 'main')));
    }
  }

  #show(contents, text) {
    this.table.set(contents);
    const any = contents.length > 0;
    showEither(any, this.table.element, this.other);
    if (!any) {
      this.other.replaceChildren(text ? emptyState('Nothing has this name',
        `No content that is offered has “${text}” in its name. Follow a name to fetch it as soon as it is published.`,
        button('Follow this name', 'follow', () => openFollow(text)))
        : emptyState('Nothing is offered', 'Put a file into the folder of a seeder, and it appears here.'));
    }
    this.pager.show(`Page ${this.tokens.length}`, this.tokens.length === 1, this.nextToken === '');
    put(this.status, any ? plural(contents.length, 'content') + (this.nextToken || this.tokens.length > 1 ? ' on this page' : '') : '');
  }

  // Shows the files in the row, or hides them.
  async #look(row, twist) {
    const open = !row.files;
    twist.setAttribute('aria-expanded', String(open));
    if (!open) {
      row.files.remove();
      row.files = row.tree = null;
      return;
    }
    const place = row.files = h('div', { class: 'files' }, bones(2));
    row.element.append(place);
    for (let tries = 1; row.files === place; ++tries) {
      try {
        const manifest = await call('GetManifest', { contentHex: row.item.contentHex });
        if (row.files !== place) return;
        row.tree = new FileTree(filesOf(manifest));
        return place.replaceChildren(row.tree.element, leftOutNote(manifest));
      } catch (error) {
        if (error.code !== 'unavailable' || tries > 20) {
          return place.replaceChildren(h('p', { class: 'soft' }, error.message));
        }
        await new Promise((done) => setTimeout(done, 500));
      }
    }
  }

  async #get({ item, tree }) {
    const added = await attempt('Add',
      { contentHex: item.contentHex, trackers: item.trackers, priorities: tree?.skipped(), requestId: randomId() });
    if (added) reportAdded([added]);
  }

  keys = { '/': () => this.search.input.focus(), r: () => this.#load() };
}

// The rules by which names are followed.
export class FollowView {
  title = 'Follow';

  constructor() {
    this.table = new Table('Followed names', 'rules', [
      { name: 'Names', css: 'cell-name', make: () => h('strong', { class: 'mono' }),
        write: (rule, cell) => put(cell.firstChild, rule.glob) },
      { name: 'Keeps', css: '', write: (rule) => plural(Math.max(1, rule.keepVersions ?? 1), 'version') },
      { name: 'Folder', css: 'soft name', write: (rule) => rule.outputFolder || 'the agent’s folder' },
      { name: 'Brought', css: '', write: (rule) =>
        plural([...store.downloads.values()].filter((d) => d.glob === rule.glob).length, 'download') },
      { name: '', css: 'cell-actions', make: (row) => button('End', 'close', async () => {
        const { glob } = row.item;
        if (await attempt('Unfollow', { glob })) toast(`${glob} is no longer followed. What it brought stays.`);
      }, 'small') },
    ], (rule) => rule.glob);
    this.none = emptyState('No name is followed',
      'A rule fetches what is published under matching names, and each new version of it, without anybody asking.',
      button('Follow names', 'follow', () => openFollow(), 'main'));
    this.element = titledView(this.title,
      [h('div', { class: 'aside' }, button('Follow names', 'add', () => openFollow(), 'main')),
        h('p', null, 'New versions of these names come by themselves, and replace the old ones.')],
      h('div', { class: 'card' }, this.table.element, this.none));
  }

  shown() { this.update({ follows: true }); }

  update(news) {
    if (!news.follows && !news.all) return;
    const rules = store.follows;
    this.table.set(rules);
    showEither(rules.length > 0, this.table.element, this.none);
  }

  keys = {};
}
