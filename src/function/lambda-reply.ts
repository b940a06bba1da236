import type { FunctionFault, FunctionReply } from './remote-function.ts';

/** What Lambda itself tells about a call: how the function failed, and what is billed. */

// The service's own words. What else an exception says is the function's, and may be anybody's secret.
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
// Both as the type and, without one, as the message have it; the init phase has a limit of its own.
const TIMED_OUT = /\bTask timed out after \d|^Sandbox\.Timedout$/;
const MESSAGE_LENGTH_MAX = 200;

/** How the function failed, from what came in place of its answer. */
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

/** What a call is billed for, from the tail of its log, in either of Lambda's formats; nothing where the tail has no report. */
export function lambdaUsage(logResult: string | undefined): Pick<FunctionReply, 'billedMs' | 'memoryMb'> {
  const log = Buffer.from(logResult ?? '', 'base64').toString();
  // The last one: the function writes into the same log, and before Lambda does.
  const report = log.split('\n').findLast((line) => /^REPORT |"platform\.report"/.test(line)) ?? '';
  const billedMs = /\bBilled Duration: (\d+) ms|"billedDurationMs":\s*(\d+)/.exec(report);
  const memoryMb = /\bMemory Size: (\d+) MB|"memorySizeMB":\s*(\d+)/.exec(report);
  return {
    ...(billedMs === null ? {} : { billedMs: Number(billedMs[1] ?? billedMs[2]) }),
    ...(memoryMb === null ? {} : { memoryMb: Number(memoryMb[1] ?? memoryMb[2]) }),
  };
}
