import type { Random } from '../../core/random.ts';
import type { S3Operation, S3Request } from './request.ts';

/** Which requests a fault meets, and how often. */
interface FaultFilter {
  /** Every operation, if absent. */
  readonly operation?: S3Operation | readonly S3Operation[];
  /** One key, or a pattern; every key, if absent. A request without a key matches only a fault without this. */
  readonly key?: string | RegExp;
  /** Let this many matching requests pass first. Default 0. */
  readonly after?: number;
  /** Fire this often at most. Default 1; with a `probability`, no limit. */
  readonly times?: number;
  /** Of each matching request, from 0 to 1. Default 1. */
  readonly probability?: number;
  /** Decides with `probability`. Default: the server's. */
  readonly random?: Random;
}

/** What goes wrong. */
export type Fault =
  /** Refuse with that status and code; nothing was written. Default 503 SlowDown. */
  | { readonly fault: 'refuse-before'; readonly status?: number; readonly code?: string }
  /** Reset the connection once the headers are here; nothing was written. */
  | { readonly fault: 'reset-before' }
  /** Never answer; nothing was written. */
  | { readonly fault: 'hang-before' }
  /** 409 ConditionalRequestConflict to a conditional write; nothing was written. */
  | { readonly fault: 'conflict-409' }
  /** 404 NoSuchKey to a write with If-Match; nothing was written. */
  | { readonly fault: 'not-found-on-if-match' }
  /** Judge no condition of this write. */
  | { readonly fault: 'ignore-conditions' }
  /** Do the work, then reset the connection: it landed and the client never hears. */
  | { readonly fault: 'reset-after' }
  /** Do the work, then answer with an error. Default 500 InternalError. */
  | { readonly fault: 'error-after'; readonly status?: number; readonly code?: string }
  /** Do the work, then never answer. */
  | { readonly fault: 'hang-after' }
  /** Answer that much later than otherwise, first byte and all. */
  | { readonly fault: 'slow-first-byte'; readonly delayMs: number }
  /** Promise the whole body of a GET, send half of it, close the connection. */
  | { readonly fault: 'truncate-body' }
  /** Send a GET's body with one byte flipped and the right length: the one at a position, by default in the middle. */
  | { readonly fault: 'corrupt-body'; readonly at?: number };

export type FaultName = Fault['fault'];

/** A fault and the requests that it meets. */
export type ScriptedFault = Fault & FaultFilter;

/** A fault that was injected. */
export interface InjectedFault {
  readonly name: FaultName;
  /** How many requests it has hit. */
  readonly fired: number;
  /** Disarms it; what it has hit stays counted. */
  remove(): void;
}

/** The moment at which a fault acts. A request meets at most one fault per moment, in the order of injection. */
type Moment = 'before' | 'work' | 'after' | 'reply' | 'body';

const MOMENT_OF: Readonly<Record<FaultName, Moment>> = {
  'refuse-before': 'before',
  'reset-before': 'before',
  'hang-before': 'before',
  'conflict-409': 'before',
  'not-found-on-if-match': 'before',
  'ignore-conditions': 'work',
  'reset-after': 'after',
  'error-after': 'after',
  'hang-after': 'after',
  'slow-first-byte': 'reply',
  'truncate-body': 'body',
  'corrupt-body': 'body',
};

const CONDITIONAL_WRITES: readonly S3Operation[] = ['PutObject', 'DeleteObject'];

interface Armed {
  readonly fault: ScriptedFault;
  passed: number;
  fired: number;
}

/** The faults that are armed on one server. */
export class Faults {
  readonly #random: Random;
  #armed: Armed[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  inject(fault: ScriptedFault): InjectedFault {
    const armed: Armed = { fault, passed: 0, fired: 0 };
    this.#armed.push(armed);
    return {
      name: fault.fault,
      get fired() {
        return armed.fired;
      },
      remove: () => {
        this.#armed = this.#armed.filter((each) => each !== armed);
      },
    };
  }

  clear(): void {
    this.#armed = [];
  }

  /** The fault that hits this request at this moment, counted as fired; `undefined` for none. */
  take(request: S3Request, moment: Moment): Fault | undefined {
    return this.#armed.find((armed) => MOMENT_OF[armed.fault.fault] === moment && this.#fires(armed, request))?.fault;
  }

  #fires(armed: Armed, request: S3Request): boolean {
    const { fault } = armed;
    if (!matchesFilter(fault, request) || !makesSense(fault.fault, request)) return false;
    if (armed.fired >= (fault.times ?? (fault.probability === undefined ? 1 : Number.POSITIVE_INFINITY))) return false;
    if (armed.passed < (fault.after ?? 0)) {
      armed.passed += 1;
      return false;
    }
    const random = fault.random ?? this.#random;
    if (fault.probability !== undefined && random.fraction() >= fault.probability) return false;
    armed.fired += 1;
    return true;
  }
}

function matchesFilter({ operation, key }: FaultFilter, request: S3Request): boolean {
  const operations = typeof operation === 'string' ? [operation] : operation;
  if (operations !== undefined && !operations.includes(request.operation)) return false;
  if (key === undefined) return true;
  // `search`, not `test`: a pattern with the global flag must not remember where it was.
  return request.key !== '' && (typeof key === 'string' ? request.key === key : request.key.search(key) >= 0);
}

/** Some faults are about one kind of request, whatever their filter says: they would be unlike S3 on any other. */
function makesSense(fault: FaultName, { operation, conditions }: S3Request): boolean {
  switch (fault) {
    case 'conflict-409':
    case 'ignore-conditions':
      return (
        CONDITIONAL_WRITES.includes(operation) &&
        (conditions.ifMatch !== undefined || conditions.ifNoneMatch !== undefined)
      );
    case 'not-found-on-if-match':
      return CONDITIONAL_WRITES.includes(operation) && conditions.ifMatch !== undefined;
    case 'truncate-body':
    case 'corrupt-body':
      return operation === 'GetObject';
    default:
      return true;
  }
}
