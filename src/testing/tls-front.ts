import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { temporaryDirectory } from './temporary-directory.ts';

export interface TlsFront {
  readonly port: number;
  /** The file of its certificate, for NODE_EXTRA_CA_CERTS. */
  readonly certificate: string;
  close(): void;
}

/** Starts a server on loopback that decrypts what comes, and passes it on. `subject`: as in subjectAltName. */
export async function startTlsFront(upstream: string, subject: string): Promise<TlsFront> {
  const directory = temporaryDirectory();
  const key = join(directory, 'key.pem');
  const certificate = join(directory, 'certificate.pem');
  const san = ['-subj', '/CN=store', '-addext', `subjectAltName=${subject}`];
  const fresh = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate];
  execFileSync('openssl', [...fresh, ...san], { stdio: 'ignore' });
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (socket) => {
    const inner = connect(Number(new URL(upstream).port), '127.0.0.1');
    socket.pipe(inner).pipe(socket);
    for (const each of [socket, inner]) each.on('error', () => {});
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { port: (server.address() as AddressInfo).port, certificate, close: () => server.close() };
}
