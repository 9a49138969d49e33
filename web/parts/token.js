// The token that a page shows to its program, until the tab is closed.

import { field, h, openForm } from './dom.js';

const KEY = 'shoal.token';

export let token = '';
try { token = sessionStorage.getItem(KEY) ?? ''; } catch { /* asked for again in each page */ }

export const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});

let asking;

// `given()` is called when there is another one.
export function askForToken(title, where, given) {
  if (asking?.open) return;
  const input = h('input', { type: 'password', autocomplete: 'current-password', autofocus: true });
  asking = openForm(title, [token && h('p', { class: 'error', role: 'alert' }, 'The token that was given is not accepted.'),
    h('p', { class: 'soft' }, `${where} This page keeps it until the tab is closed.`), field('Token', input)], 'Continue', () => {
    if (!input.value.trim()) throw new Error('Write the token.');
    token = input.value.trim();
    try { sessionStorage.setItem(KEY, token); } catch { /* see above */ }
    given();
  }, 'small');
}
