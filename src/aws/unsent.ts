import { validateHeaderName, validateHeaderValue } from 'node:http';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';

/**
 * What the SDK threw before a request was handed to a socket: nothing was sent, whatever the error says. Its status, if
 * it has one, is that of another request, such as the one for credentials, and is not taken over.
 */
export class UnsentError extends Error {
  readonly code: string | undefined;

  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = cause instanceof Error ? cause.name : 'Error';
    this.code = codeOf(cause);
  }
}

interface HttpRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
}

type Handler = (args: object) => Promise<object>;
type Middleware = (next: Handler, context: object) => Handler;

/** The part of a client of the SDK that is used here; each command of each client has types of its own. */
export interface Client {
  readonly middlewareStack: { add(middleware: never, options: object): void };
}

/**
 * Makes a client throw an `UnsentError` for each request that fails before it reaches the socket. The doubt is drawn
 * from this side, because what the SDK may throw beforehand has no end: what was handed over may have arrived, and only
 * that.
 */
export function tellUnsent<C extends Client>(client: C): C {
  // One context goes through all middleware of one call, and through its retries.
  const handedOver = new WeakSet<object>();
  const outermost: Middleware = (next, context) => async (args) => {
    try {
      return await next(args);
    } catch (error) {
      if (handedOver.has(context) || error instanceof JavumboError) throw error;
      throw new UnsentError(error);
    }
  };
  const innermost: Middleware = (next, context) => (args) => {
    requireSendable((args as { request: HttpRequest }).request);
    handedOver.add(context);
    return next(args);
  };
  client.middlewareStack.add(outermost as never, { step: 'initialize', priority: 'high', name: 'tellUnsent' });
  client.middlewareStack.add(innermost as never, { step: 'deserialize', priority: 'low', name: 'noteHandedOver' });
  return client;
}

/** What a header is made of that a newline or a letter beyond Latin-1 may have come with. */
const SETTING_OF: Readonly<Record<string, string>> = {
  authorization: 'the access key',
  'x-amz-security-token': 'the session token',
};

/** Throws what Node would throw when the request is made, while it is certain that nothing was sent. */
function requireSendable({ headers, path }: HttpRequest): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (cause) {
      const setting = SETTING_OF[name.toLowerCase()] ?? `what the header ${name} is made of`;
      throw unsendable(setting, cause);
    }
  }
  if (!/^[\x21-\xff]*$/.test(path)) throw unsendable('the path of the endpoint', undefined);
}

function unsendable(setting: string, cause: unknown): Error {
  return new Error(`${setting} holds a newline or another character that no request may have`, { cause });
}
