/** HTTP_PROXY, HTTPS_PROXY and NO_PROXY: what goes through the proxy, and what a proxy that does not serve is called. */
import { once } from 'node:events';
import { createServer, request as forward, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createSilentServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { freshMachine } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';
import { startTlsFront, type TlsFront } from '../testing/tls-front.ts';

let store: S3Server;
let secure: TlsFront;
let proxy: Server;
/** What the proxy was asked, with the user that asked. */
let log: string[];
/** With what it answers; undefined: it serves. */
let refusal: number | undefined;

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  store = await startS3Server({ buckets: ['b'] });
  secure = await startTlsFront(store.endpoint, 'DNS:store.example');
  proxy = createServer((request, response) => {
    note(request.method, request.url, request.headers['proxy-authorization']);
    if (refusal !== undefined) {
      response.writeHead(refusal).end();
      return;
    }
    const { pathname, search } = new URL(request.url ?? '');
    const { port } = new URL(store.endpoint);
    const { method, headers } = request;
    const inner = forward({ host: '127.0.0.1', port, method, headers, path: pathname + search }, (reply) => {
      response.writeHead(reply.statusCode ?? 0, reply.headers);
      reply.pipe(response);
    });
    request.pipe(inner);
  });
  proxy.on('connect', (request, socket) => {
    note(request.method, request.url, request.headers['proxy-authorization']);
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal} No\r\n\r\n`);
      return;
    }
    const inner = connect(secure.port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    socket.pipe(inner).pipe(socket);
    for (const each of [socket, inner]) each.on('error', () => {});
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
});

afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  secure.close();
  await store.close();
});

beforeEach(() => {
  log = [];
  refusal = undefined;
  store.resetCounts();
});

function note(method = '', url = '', user = ''): void {
  const who = user === '' ? '' : ` by ${Buffer.from(user.replace('Basic ', ''), 'base64')}`;
  log.push(`${method} ${url.replace(/\?.*/, '')}${who}`);
}

function javumbo(argv: readonly string[], endpoint: string, env: NodeJS.ProcessEnv) {
  return runScript(SCRIPTS.javumbo, [...argv, '--bucket', 'b', '--endpoint-url', endpoint, '--json', '--quiet'], {
    ...freshMachine(),
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    NODE_EXTRA_CA_CERTS: secure.certificate,
    ...env,
  });
}

const proxyUrl = (user = ''): string => `http://${user}127.0.0.1:${portOf(proxy)}`;

describe('a write goes through the proxy', () => {
  test.each([
    {
      user: 'ann',
      name: 'by http_proxy',
      endpoint: 'http://store.example:81',
      env: () => ({ http_proxy: proxyUrl() }),
      by: '',
    },
    {
      user: 'bob',
      name: 'by HTTP_PROXY, with user and password',
      endpoint: 'http://store.example:81',
      env: () => ({ HTTP_PROXY: proxyUrl('me:p%40ss@') }),
      by: ' by me:p@ss',
    },
    {
      user: 'cid',
      name: 'without a scheme',
      endpoint: 'http://store.example:81',
      env: () => ({ HTTP_PROXY: proxyUrl().slice(7) }),
      by: '',
    },
  ])('$name', async ({ user, endpoint, env, by }) => {
    expect((await javumbo(['db', 'create', user], endpoint, env())).code).toBe(0);
    expect(log).toEqual([expect.stringMatching(new RegExp(`^PUT ${endpoint}/b/user_dbs/.*${by}$`))]);
  });

  test('by HTTPS_PROXY in a tunnel, which the next request uses too', async () => {
    const ended = await javumbo(['db', 'create', 'tunnelled'], 'https://store.example', { HTTPS_PROXY: proxyUrl() });
    expect({ code: ended.code, log }).toEqual({ code: 0, log: ['CONNECT store.example:443'] });
    const read = await javumbo(['db', 'info', 'tunnelled'], 'https://store.example', { https_proxy: proxyUrl() });
    expect(read.code).toBe(0);
    expect(store.counts.operations).toMatchObject({ PutObject: 1, GetObject: 1 });
  });
});

describe('the HTTP API is asked through the proxy', () => {
  const api = (url: string, env: NodeJS.ProcessEnv) =>
    javumbo(['verify', 'day1', '--only', '1.4', '--expect-body', 'Buckets', '--api-url', url], store.endpoint, env);

  test.each([
    { name: 'without TLS', url: 'http://api.example/', asked: 'GET http://api.example/ by me:pw' },
    { name: 'in a tunnel', url: 'https://store.example/', asked: 'CONNECT store.example:443 by me:pw' },
  ])('$name', async ({ url, asked }) => {
    const { stdout } = await api(url, { HTTP_PROXY: proxyUrl('me:pw@'), HTTPS_PROXY: proxyUrl('me:pw@') });
    expect(log).toEqual([asked]);
    // The store answers in its place, for the proxy reaches nothing else.
    expect(stdout).toContain('the API answers with status 200');
    expect(JSON.parse(stdout).passed).toBe(true);
  });

  test('but not where NO_PROXY names it', async () => {
    const env = { HTTP_PROXY: proxyUrl(), NO_PROXY: 'api.invalid' };
    expect(JSON.parse((await api('http://api.invalid/', env)).stdout).passed).toBe(false);
    expect(log).toEqual([]);
  });
});

describe('what is reached directly asks no proxy', () => {
  test.each([
    { name: 'this machine', endpoint: () => store.endpoint, noProxy: '' },
    { name: 'a host that is named', endpoint: () => 'http://store.invalid', noProxy: 'other, store.invalid' },
    { name: 'a host below a domain that is named', endpoint: () => 'http://store.invalid', noProxy: '.invalid' },
    { name: 'a host with its port', endpoint: () => 'https://store.invalid:99', noProxy: 'store.invalid:99' },
    { name: 'everything', endpoint: () => 'https://store.invalid', noProxy: '*' },
  ])('$name', async ({ endpoint, noProxy }) => {
    const env = { HTTP_PROXY: proxyUrl(), HTTPS_PROXY: proxyUrl(), NO_PROXY: noProxy };
    await javumbo(['db', 'list'], endpoint(), env);
    expect(log).toEqual([]);
  });
});

describe('a proxy that does not serve leaves nothing unknown', () => {
  const cases = [
    { name: 'wants a password', status: 407, hint: /HTTPS?_PROXY/ },
    { name: 'forbids the place', status: 403, hint: /\S/ },
  ];
  test.each(cases)('it $name', async ({ status, hint }) => {
    refusal = status;
    for (const endpoint of ['http://store.example', 'https://store.example']) {
      const env = { HTTP_PROXY: proxyUrl(), HTTPS_PROXY: proxyUrl() };
      const { code, stderr } = await javumbo(['db', 'create', 'nobody'], endpoint, env);
      expect({ endpoint, code }).toEqual({ endpoint, code: 5 });
      expect(JSON.parse(stderr).error).toMatchObject({ kind: 'unavailable', try: expect.stringMatching(hint) });
    }
    expect(store.counts.requests).toBe(0);
  });

  test('it cannot make the tunnel', async () => {
    refusal = 502;
    const { code, stderr } = await javumbo(['db', 'create', 'nobody'], 'https://store.example', {
      HTTPS_PROXY: proxyUrl(),
    });
    expect(code).toBe(5);
    expect(JSON.parse(stderr).error.message).toMatch(/the proxy http:\/\/127\.0\.0\.1:\d+ answers 502/);
  });

  test('it is not there', async () => {
    for (const endpoint of ['http://store.example', 'https://store.example']) {
      const env = { HTTP_PROXY: 'http://127.0.0.1:9', HTTPS_PROXY: 'http://127.0.0.1:9' };
      expect((await javumbo(['db', 'create', 'nobody'], endpoint, env)).code).toBe(5);
    }
  });

  // Its connection would keep the process after the failure was told.
  test('it takes the connection and says nothing, and the command ends', async () => {
    const silent = createSilentServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const env = { HTTPS_PROXY: `http://127.0.0.1:${portOf(silent)}` };
    const { code } = await javumbo(['db', 'info', 'nobody'], 'https://store.example', env);
    expect(code).toBe(5);
    silent.close();
  });

  test.each(['http://u:p/w@h:1', 'http://u:p#w@h:1', 'http://u:p%zw@h:1'])(
    'its address cannot be read: %s, and no password is printed',
    async (address) => {
      const { code, stderr } = await javumbo(['db', 'create', 'nobody'], 'https://store.example', {
        HTTPS_PROXY: address,
      });
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('http://…@h:1') });
      expect(stderr).not.toMatch(/u:p/);
    },
  );

  test('it does not speak HTTP', async () => {
    const { code, stderr } = await javumbo(['db', 'list'], 'http://store.example', { HTTP_PROXY: 'socks5://u:pw@h:1' });
    expect(code).toBe(2);
    expect(stderr).toContain('HTTP_PROXY is not the http or https address of a proxy');
    expect(stderr).not.toContain('pw');
  });
});

test('config show hides the password of a proxy', async () => {
  const { stdout } = await javumbo(['config', 'show'], 'http://store.example', { HTTPS_PROXY: proxyUrl('me:pw@') });
  expect(JSON.parse(stdout).httpsProxy).toMatchObject({ value: proxyUrl('…@'), from: 'HTTPS_PROXY' });
});
