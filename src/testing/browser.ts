import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { temporaryDirectory } from './temporary-directory.ts';

/** How a page is looked at. */
export interface Look {
  readonly width: number;
  readonly scheme: 'light' | 'dark';
  readonly media?: 'screen' | 'print';
}

type Params = Readonly<Record<string, unknown>>;

/** A Chromium without a window, driven over its DevTools protocol: on two pipes, so that no port is needed. */
export class Browser {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(result: Params): void; reject(error: Error): void }>();
  readonly #events: { readonly method: string; readonly params: Params }[] = [];
  #listener: () => void = () => {};
  #session: string | undefined;
  #last = 0;

  private constructor(command: string) {
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--hide-scrollbars',
      '--no-first-run',
    ];
    // Whatever a page asked a network for would fail, and be seen.
    const offline = ['--disable-background-networking', '--host-resolver-rules=MAP * ~NOTFOUND'];
    const profile = `--user-data-dir=${temporaryDirectory()}`;
    this.#child = spawn(command, [...flags, ...offline, profile, '--remote-debugging-pipe', 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      // Debian's command is a script that starts the browser: both end with their group.
      detached: true,
    });
    let rest = '';
    (this.#child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#take(JSON.parse(message));
    });
    this.#child.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser ended'));
    });
  }

  /** Starts a browser with one empty page. */
  static async start(command: string): Promise<Browser> {
    const browser = new Browser(command);
    const { targetId } = await browser.#send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await browser.#send('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = String(sessionId);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Audits']) await browser.#send(`${domain}.enable`);
    return browser;
  }

  /** Opens a file, and returns all that it asked for beside itself, and all that the browser complains of. */
  async open(path: string): Promise<{ readonly requests: string[]; readonly complaints: string[] }> {
    const url = pathToFileURL(path).href;
    this.#events.length = 0;
    const loaded = this.#event('Page.loadEventFired');
    await this.#send('Page.navigate', { url });
    await loaded;
    const named = (...methods: string[]): Params[] =>
      this.#events.filter(({ method }) => methods.includes(method)).map(({ params }) => params);
    return {
      requests: named('Network.requestWillBeSent')
        .map(({ request }) => (request as { url: string }).url)
        .filter((asked) => asked !== url),
      complaints: named(
        'Log.entryAdded',
        'Runtime.consoleAPICalled',
        'Runtime.exceptionThrown',
        'Audits.issueAdded',
      ).map((params) => JSON.stringify(params)),
    };
  }

  /** Sets how the page is looked at. */
  async look({ width, scheme, media = 'screen' }: Look): Promise<void> {
    const metrics = { width, height: 900, deviceScaleFactor: 1, mobile: false };
    await this.#send('Emulation.setDeviceMetricsOverride', metrics);
    await this.#send('Emulation.setEmulatedMedia', {
      media,
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    });
  }

  /** Returns what an expression gives in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', { expression, returnByValue: true });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  /** Returns a PNG of the page, of its first 900 lines or of all. */
  async screenshot({ whole }: { readonly whole: boolean }): Promise<Buffer> {
    const { data } = await this.#send('Page.captureScreenshot', { captureBeyondViewport: whole });
    return Buffer.from(String(data), 'base64');
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      process.kill(-(this.#child.pid ?? 0), 'SIGKILL');
    });
  }

  #event(wanted: string): Promise<void> {
    return new Promise((resolve) => {
      this.#listener = () => {
        if (this.#events.some(({ method }) => method === wanted)) resolve();
      };
    });
  }

  #send(method: string, params: Params = {}): Promise<Params> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const session = this.#session === undefined ? {} : { sessionId: this.#session };
      (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    });
  }

  #take(message: {
    readonly id?: number;
    readonly method?: string;
    readonly params?: Params;
    readonly result?: Params;
    readonly error?: { readonly message: string };
  }): void {
    const { id, method, params = {}, result = {}, error } = message;
    if (method !== undefined) {
      this.#events.push({ method, params });
      this.#listener();
    }
    const waiting = this.#waiting.get(id ?? 0);
    this.#waiting.delete(id ?? 0);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
  }
}
