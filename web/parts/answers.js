// JSON over HTTP. Addresses are relative to the page, so that it also works behind a proxy with a prefix.

// An answer that is no success, or none at all (code "unreachable").
export class ApiError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// The JSON that `request`, a promise of fetch, brings. Throws ApiError.
export async function answerOf(request) {
  let response;
  let text;
  try {
    response = await request;
    text = await response.text();
  } catch {
    throw new ApiError('unreachable', 'There is no answer. Is the program running?');
  }
  let json;
  try { json = JSON.parse(text); } catch { json = null; }
  if (response.ok && json !== null) return json;
  throw new ApiError(json?.code ?? 'unknown', json?.message || `The answer has HTTP status ${response.status}.`);
}

// `query`: undefined and empty values are left out.
export const addressOf = (path, query = {}) => {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== '' && value !== 0);
  return path + (pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : '');
};

export const fromBase64 = (text = '') => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
