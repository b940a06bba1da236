import type { FunctionFault, FunctionReply } from './remote-function.ts';

/** What Lambda itself reports about a call: how the function failed, and what is billed. */

// Lambda's own errors. Any other exception's text is the function's, and may be secret.
const OF_THE_SERVICE = new Set([
  'Function.ResponseSizeTooLarge',
  'Runtime.ExitError',
  'Runtime.HandlerNotFound',
  'Runtime.ImportModuleError',
  'Runtime.MalformedHandlerName',
  'Runtime.OutOfMemory',
  'Runtime.UserCodeSyntaxError',
  'Sandbox.Timedout',
]);

const CRASHED = /^(Runtime\.(ExitError|OutOfMemory|NodeJsExit)$|Sandbox\.Failure|Extension\.)/;
// As the error type or, without one, in the message; the init phase has its own limit.
const TIMED_OUT = /\bTask timed out after \d|^Sandbox\.Timedout$/;
const MESSAGE_LENGTH_MAX = 200;

/** Derives how the function failed from what came instead of its answer. */
export function lambdaFault(payload: string): FunctionFault {
  const { errorType, errorMessage } = errorOf(payload);
  // `2026-11-25T01:00:00.000Z <request id> Task timed out after 30.03 seconds` from older runtimes.
  const isTimeOut = TIMED_OUT.test(errorType) || (errorType === '' && TIMED_OUT.test(errorMessage));
  const [firstLine = ''] = errorMessage.split('\n', 1);
  const words = firstLine.replace(/^(\S+ )?(RequestId: )?[0-9a-f-]{36} (Error: )?/, '').slice(0, MESSAGE_LENGTH_MAX);
  if (isTimeOut) return { kind: 'timed-out', message: words };
  const kind = CRASHED.test(errorType) ? 'crashed' : 'threw';
  if (OF_THE_SERVICE.has(errorType)) return { kind, message: `${errorType}: ${words}` };
  return { kind, message: errorType.slice(0, MESSAGE_LENGTH_MAX) || 'an error without a type' };
}

function errorOf(payload: string): { readonly errorType: string; readonly errorMessage: string } {
  const { errorType, errorMessage } = parsed(payload) as { errorType?: unknown; errorMessage?: unknown };
  return {
    errorType: typeof errorType === 'string' ? errorType : '',
    errorMessage: typeof errorMessage === 'string' ? errorMessage : '',
  };
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Returns a call's billed duration and memory from its log's tail, in either of Lambda's formats, if reported. */
export function lambdaUsage(logResult: string | undefined): Pick<FunctionReply, 'billedMs' | 'memoryMb'> {
  const log = Buffer.from(logResult ?? '', 'base64').toString();
  // The last one: the function may have written similar lines before.
  const report = log.split('\n').findLast((line) => /^REPORT |"platform\.report"/.test(line)) ?? '';
  const billedMs = /\bBilled Duration: (\d+) ms|"billedDurationMs":\s*(\d+)/.exec(report);
  const memoryMb = /\bMemory Size: (\d+) MB|"memorySizeMB":\s*(\d+)/.exec(report);
  return {
    ...(billedMs === null ? {} : { billedMs: Number(billedMs[1] ?? billedMs[2]) }),
    ...(memoryMb === null ? {} : { memoryMb: Number(memoryMb[1] ?? memoryMb[2]) }),
  };
}
