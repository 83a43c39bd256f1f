// A phone as the server sees it: the JSON calls of its app.

// phone(server, 'alice') acts for the demo user of that name. Every method
// resolves to the answer's JSON; a refusal rejects with its HTTP status in
// err.status and its problem document in err.problem.
export function phone(server, name) {
  async function call(method, path, body) {
    const answer = await fetch(server.url + path, {
      method,
      headers: { Authorization: `Bearer demo-${name}`, ...(body && { 'Content-Type': 'application/json' }) },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) {
      const err = new Error(`${name}: ${method} ${path}: ${answer.status} ${text}`);
      err.status = answer.status;
      err.problem = answer.headers.get('Content-Type')?.startsWith('application/problem+json') ? JSON.parse(text) : undefined;
      throw err;
    }
    return text ? JSON.parse(text) : undefined;
  }

  const scan = id => `/v1/scans/${encodeURIComponent(id)}`;
  return {
    scan: code => call('POST', '/v1/scans', { code }),
    approve: (id, number) => call('POST', `${scan(id)}/approve`, number === undefined ? undefined : { number }),
    deny: id => call('POST', `${scan(id)}/deny`),
    get: (id, { since, wait } = {}) => call('GET', scan(id) + query({ since, wait })),
    scans: () => call('GET', '/v1/scans'),
    sessions: () => call('GET', '/v1/sessions'),
    signOut: (id, { reason } = {}) => call('DELETE', `/v1/sessions/${encodeURIComponent(id)}${query({ reason })}`),
  };
}

function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return given.length ? '?' + new URLSearchParams(given) : '';
}
