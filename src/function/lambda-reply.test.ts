import { expect, test } from 'vitest';
import { lambdaFault, lambdaUsage } from './lambda-reply.ts';

const ID = '11111111-2222-3333-4444-555555555555';

const FAULTS: readonly { readonly payload: object | string; readonly kind: string; readonly message: string }[] = [
  {
    payload: { errorMessage: `2026-11-22T10:00:00.000Z ${ID} Task timed out after 30.03 seconds` },
    kind: 'timed-out',
    message: 'Task timed out after 30.03 seconds',
  },
  {
    payload: {
      errorType: 'Sandbox.Timedout',
      errorMessage: `RequestId: ${ID} Error: Task timed out after 3.00 seconds`,
    },
    kind: 'timed-out',
    message: 'Task timed out after 3.00 seconds',
  },
  {
    payload: {
      errorType: 'Runtime.ExitError',
      errorMessage: `RequestId: ${ID} Error: Runtime exited with error: signal: killed`,
    },
    kind: 'crashed',
    message: 'Runtime.ExitError: Runtime exited with error: signal: killed',
  },
  {
    payload: {
      errorType: 'Runtime.OutOfMemory',
      errorMessage: `RequestId: ${ID} Error: Runtime exited with error: signal: killed`,
    },
    kind: 'crashed',
    message: 'Runtime.OutOfMemory: Runtime exited with error: signal: killed',
  },
  {
    payload: {
      errorType: 'Runtime.ImportModuleError',
      errorMessage: "Error: Cannot find module 'index'\nRequire stack:\n- /var/runtime",
    },
    kind: 'threw',
    message: "Runtime.ImportModuleError: Error: Cannot find module 'index'",
  },
  {
    payload: { errorType: 'Error', errorMessage: 'Task timed out after 30.00 seconds of hunter2' },
    kind: 'threw',
    message: 'Error',
  },
  {
    payload: { errorType: 'Runtime.UnhandledPromiseRejection', errorMessage: 'hunter2' },
    kind: 'threw',
    message: 'Runtime.UnhandledPromiseRejection',
  },
  { payload: { errorMessage: 'hunter2' }, kind: 'threw', message: 'an error without a type' },
  { payload: { errorType: 7, errorMessage: null }, kind: 'threw', message: 'an error without a type' },
  { payload: 'not JSON', kind: 'threw', message: 'an error without a type' },
  { payload: 'null', kind: 'threw', message: 'an error without a type' },
];

test.each(FAULTS)('$payload is $kind', ({ payload, kind, message }) => {
  expect(lambdaFault(typeof payload === 'string' ? payload : JSON.stringify(payload))).toEqual({ kind, message });
});

const REPORT = `REPORT RequestId: ${ID}\tDuration: 1.20 ms\tBilled Duration: 102 ms\tMemory Size: 512 MB\tMax Memory Used: 80 MB\tInit Duration: 100.1 ms\t`;
const JSON_REPORT = `{"time":"2026-11-22T10:00:00.000Z","type":"platform.report","record":{"requestId":"${ID}","metrics":{"durationMs":1.2,"billedDurationMs":102,"memorySizeMB":512},"status":"success"}}`;

test.each([
  { log: `START RequestId: ${ID}\n${REPORT}\n`, usage: { billedMs: 102, memoryMb: 512 } },
  { log: `{"type":"platform.start"}\n${JSON_REPORT}\n`, usage: { billedMs: 102, memoryMb: 512 } },
  // The function can write what it likes, and Lambda writes last.
  {
    log: `REPORT RequestId: x\tBilled Duration: 9 ms\tMemory Size: 9 MB\n${REPORT}\n`,
    usage: { billedMs: 102, memoryMb: 512 },
  },
  { log: 'of the function alone, because Lambda has not written yet\n', usage: {} },
  { log: '', usage: {} },
])('the report in $log is of $usage', ({ log, usage }) => {
  expect(lambdaUsage(Buffer.from(log).toString('base64'))).toEqual(usage);
});

test('a call without a log has no report', () => {
  expect(lambdaUsage(undefined)).toEqual({});
});
