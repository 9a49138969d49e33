// A table that is sorted by its column heads and shown in pages.

import { KeyedRows, attribute, button, className, h, progressBar, put, setProgress, show } from './dom.js';
import { count, percent, rate } from './format.js';

// Equal items stay in the order in which they are given.
export function sortedBy(items, by, falling) {
  const sign = falling ? -1 : 1;
  return items.map((item) => [by(item), item]).sort(([a], [b]) => (a === b ? 0 : a < b ? -sign : sign)).map(([, item]) => item);
}

export const markSorted = (head, by, falling) => attribute(head, 'aria-sort', by ? (falling ? 'descending' : 'ascending') : null);

// Leads from page to page. `turn(by)`: to the one before (-1) or after (1).
export class Pager {
  constructor(turn) {
    this.previous = button('Previous', null, () => turn(-1), 'small');
    this.next = button('Next', null, () => turn(1), 'small');
    this.place = h('span', { class: 'soft', role: 'status' });
    this.element = h('nav', { class: 'more', 'aria-label': 'Pages', hidden: true }, this.previous, this.place, this.next);
  }

  // Not seen where there is one page.
  show(place, first, last) {
    show(this.element, !first || !last);
    this.previous.disabled = first;
    this.next.disabled = last;
    put(this.place, place);
  }
}

export class Table {
  // `columns`: {name, css, write(item, cell)} with `by(item)` if it can be sorted by, `rising` if small
  // values come first at a first click, `make(row)` if the cell is no plain text (`row.item` is what it shows
  // later). `write` returns the text, or writes the cell itself.
  constructor(label, css, columns, keyOf, { page = 0 } = {}) {
    this.columns = columns;
    this.size = page;
    this.page = 0;
    this.items = [];
    this.heads = columns.map((column, index) => h('span', { role: 'columnheader', class: column.css },
      column.by ? h('button', { type: 'button', on: { click: () => this.sortBy(index) } }, column.name) : column.name));
    const body = h('div', { class: 'rows', role: 'rowgroup' });
    this.rows = new KeyedRows(body, keyOf, () => this.#row());
    this.pager = new Pager((by) => this.#turn(by));
    this.element = h('div', null, h('div', { class: `list ${css}`, role: 'table', 'aria-label': label },
      h('div', { class: 'row head', role: 'row' }, this.heads), body), this.pager.element);
  }

  #row() {
    const row = { element: h('div', { class: 'row', role: 'row' }) };
    const cells = this.columns.map(({ css, make }) => h('div', { class: css, role: 'cell' }, make ? make(row) : ''));
    row.element.append(...cells);
    row.update = (item) => {
      row.item = item;
      this.columns.forEach(({ write }, i) => {
        const text = write?.(item, cells[i]);
        if (text !== undefined) put(cells[i], text);
      });
    };
    return row;
  }

  sortBy(index, falling = this.order === index ? !this.falling : !this.columns[index].rising) {
    this.order = index;
    this.falling = falling;
    this.heads.forEach((head, i) => markSorted(head, i === index, falling));
    this.page = 0;
    this.set(this.items);
  }

  #turn(by) {
    this.page += by;
    this.set(this.items);
    this.element.scrollIntoView({ block: 'nearest' });
  }

  set(items) {
    this.items = items;
    const column = this.columns[this.order];
    const sorted = column ? sortedBy(items, column.by, this.falling) : items;
    const size = this.size || Math.max(1, sorted.length);
    const pages = Math.max(1, Math.ceil(sorted.length / size));
    this.page = Math.max(0, Math.min(this.page, pages - 1));
    this.rows.set(sorted.slice(this.page * size, (this.page + 1) * size));
    this.pager.show(`Page ${this.page + 1} of ${count(pages)}`, this.page === 0, this.page === pages - 1);
  }
}

// A rate; `direction`: "in" or "out".
export function writeRate(cell, now, direction) {
  className(cell, `number c-${direction} ${now > 0 ? `rate-${direction}` : ''}`);
  put(cell, now > 0 ? rate(now) : '');
}

export const rateColumn = (name, direction, by) => ({ name, css: `number c-${direction}`, by,
  write: (item, cell) => writeRate(cell, by(item), direction) });

// Which share of the whole there is, as a bar.
export const shareColumn = (name, by, whole) =>
  ({ name, css: 'cell-progress c-has', by, make: () => [progressBar(name), h('small', null, h('span'))], write(item, cell) {
  const all = whole(item);
  const share = percent(by(item), all);
  setProgress(cell.firstChild, share, by(item) / Math.max(1, all));
  put(cell.lastChild.firstChild, `${share} %`);
} });
