import { describe, expect, test } from 'vitest';
import { proxyFor, resolveProxies } from './proxy.ts';

describe('NO_PROXY', () => {
  test.each([
    { pattern: '10.0.0.0/8', host: '10.1.2.3', direct: true },
    { pattern: '10.0.0.0/8', host: '11.1.2.3', direct: false },
    { pattern: '192.0.2.128/25', host: '192.0.2.127', direct: false },
    { pattern: '192.0.2.128/25', host: '192.0.2.128', direct: true },
    { pattern: '0.0.0.0/0', host: '192.0.2.1', direct: true },
    { pattern: '192.0.2.7/32', host: '192.0.2.7', direct: true },
    { pattern: '10.0.0.0/33', host: '10.1.2.3', direct: false },
    { pattern: '10.0.0/8', host: '10.1.2.3', direct: false },
    { pattern: '10.0.0.0/8', host: 'ten.example', direct: false },
    { pattern: '10.0.0.0/8', host: '2001:db8::1', direct: false },
    { pattern: '2001:db8::/32', host: '[2001:db8::1]', direct: true },
    { pattern: '[2001:db8::]/32', host: '2001:db8:1::1', direct: true },
    { pattern: '2001:db8::/32', host: '2001:db9::1', direct: false },
    { pattern: '2001:db8::1', host: '[2001:db8::1]', direct: true },
    { pattern: '[2001:db8::1]:443', host: '[2001:db8::1]', direct: true },
    { pattern: '[2001:db8::1]:80', host: '[2001:db8::1]', direct: false },
    { pattern: 'example', host: 'store.example', direct: true },
    { pattern: '.example', host: 'store.example', direct: true },
    { pattern: 'store.example:443', host: 'store.example', direct: true },
    { pattern: 'store.example:80', host: 'store.example', direct: false },
    { pattern: 'tore.example', host: 'store.example', direct: false },
    { pattern: 'a, *', host: 'store.example', direct: true },
  ])('$pattern and $host: direct is $direct', ({ pattern, host, direct }) => {
    const proxies = resolveProxies({ HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: pattern });
    expect(proxyFor(proxies, 'https:', host, undefined) === undefined).toBe(direct);
  });
});
