// The page of the agent: routes, keys, and what is the same in all views.

import { openFollow, openLimits } from './actions.js';
import { acceptDrops, openAdd } from './add_dialog.js';
import { $, announce, h, openDialog, put, show, toast } from '../parts/dom.js';
import { DownloadView } from './download_view.js';
import { DownloadsView } from './downloads_view.js';
import { EventsView } from './events_view.js';
import { FollowView, OfferedView } from './offered_view.js';
import { rate } from '../parts/format.js';
import { openViews } from '../parts/router.js';
import { askForToken } from '../parts/token.js';
import { store } from './store.js';

const views = { '': new DownloadsView(), download: new DownloadView(), offered: new OfferedView(), follow: new FollowView(),
  events: new EventsView() };
let current;

function entered(view, rest) {
  document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close());
  current = view;
  view.shown(rest);
  showTitle();
}

function showTitle() {
  const { receiveRate } = store.totals;
  const text = `${receiveRate > 0 && store.phase === 'live' ? `↓ ${rate(receiveRate)} · ` : ''}${current.title} · Shoal`;
  if (document.title !== text) document.title = text;
}

const LOST = {
  lost: 'The connection to the agent is lost. What you see is from before; trying again …',
  denied: 'This agent asks for a token',
};

const askForIt = () => askForToken(LOST.denied, 'It is in the file of --token-file.', () => store.open());

// A connection that comes back at once is not worth a word.
const LOST_AFTER_MS = 700;
let lostTimer;

function showPhase() {
  clearTimeout(lostTimer);
  const { phase } = store;
  const apply = () => {
    const lost = phase !== 'live' && phase !== 'loading';
    document.body.classList.toggle('lost', lost);
    show($('connection'), lost);
    put($('connection-text'), LOST[phase] ?? '');
    show($('connection-retry'), phase === 'denied');
    show($('connection-spin'), phase === 'lost');
  };
  if (phase === 'lost') lostTimer = setTimeout(apply, LOST_AFTER_MS);
  else {
    if (phase === 'live' && !$('connection').hidden) announce('Connected again');
    apply();
  }
  if (phase === 'denied') askForIt();
}

const TELLING = { complete: 'good', failed: 'bad' };

function tell(events) {
  const telling = events.filter(({ kind }) => TELLING[kind]);
  for (const { download, kind, text } of telling.slice(-3)) {
    const name = store.downloads.get(download)?.name;
    toast(kind === 'complete' ? `${name ?? 'A download'} is complete` : `${name ? `${name}: ` : ''}${text}`, TELLING[kind]);
  }
  if (telling.length > 3) toast(`and ${telling.length - 3} more`);
}

let titled = 0;

store.subscribe((news) => {
  if (news.totals) {
    put($('rate-in'), rate(store.totals.receiveRate));
    put($('rate-out'), rate(store.totals.sendRate));
  }
  if (news.phase) showPhase();
  if (news.events.length > 0) tell(news.events);
  if (performance.now() - titled > 1000 || news.all) {
    titled = performance.now();
    showTitle();
  }
  current.update(news);
});

const KEYS = [
  ['?', 'These keys'], ['a', 'Add a download'], ['f', 'Follow names'], ['l', 'Change limits'], ['g d', 'Downloads'], ['g o', 'Offered'],
  ['g f', 'Follow'], ['g e', 'Events'],
  ['/', 'Filter or search'], ['j k', 'Next, previous download'], ['Enter', 'Open it'], ['x', 'Select it'], ['p', 'Pause or resume'],
  ['v', 'Check the files'],
  ['Delete', 'Remove …'], ['1 2 3', 'Files, peers, events of a download'], ['Esc', 'Clear the selection, close, go back'],
];

function showKeys() {
  openDialog('Keys', h('div', { class: 'inside' }, h('dl', { class: 'keys' }, KEYS.flatMap(([keys, what]) =>
    [h('dt', null, keys.split(' ').flatMap((key) => [h('kbd', null, key), ' '])), h('dd', null, what)]))), 'small');
}

const everywhere = { '?': showKeys, a: () => openAdd(), f: () => openFollow(), l: openLimits };
const places = { d: '#/', o: '#/offered', f: '#/follow', e: '#/events' };
let going = 0;

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector('dialog[open]')) return;
  const typing = event.target.matches('input:not([type=checkbox]), select, [role=tab]');
  if (typing) {
    if (event.key === 'Escape' && event.target.type === 'search') event.target.blur();
    return;
  }
  const goes = performance.now() - going < 1200;
  going = event.key === 'g' ? performance.now() : 0;
  if (goes && places[event.key]) location.hash = places[event.key];
  else {
    const act = current.keys[event.key] ?? everywhere[event.key];
    // The map of chunks has its own arrow keys.
    if (!act || (event.key.startsWith('Arrow') && event.target.matches('canvas'))) return;
    act();
  }
  event.preventDefault();
});

$('add').addEventListener('click', () => openAdd());
$('keys').addEventListener('click', showKeys);
$('connection-retry').addEventListener('click', askForIt);
addEventListener('denied', askForIt);
acceptDrops();
openViews(views, entered);
if (current !== views.download) store.open(); // that view has opened it, with its details
