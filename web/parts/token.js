// The token that a page shows to its program. It is kept until the tab is closed.

import { field, h, openForm } from './dom.js';

const KEY = 'shoal.token';

let token = '';
try { token = sessionStorage.getItem(KEY) ?? ''; } catch { /* asked for again in each page */ }

export const currentToken = () => token;
export const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});

let asking = null;

// Asks the person for a token, unless it is being asked for. `given()` is called when there is one.
export function askForToken(title, where, given) {
  if (asking) return;
  const input = h('input', { type: 'password', autocomplete: 'current-password', autofocus: true });
  asking = openForm(title, [
    h('p', { class: 'soft' }, `${where} This page keeps it until the tab is closed.`), field('Token', input),
  ], 'Continue', () => {
    if (input.value.trim() === '') throw new Error('Write the token.');
    token = input.value.trim();
    try { sessionStorage.setItem(KEY, token); } catch { /* see above */ }
    given();
  }, 'small');
  asking.addEventListener('close', () => { asking = null; });
}
