import type { ReceivedBody } from './body.ts';
import type { ConditionRules } from './conditions.ts';
import type { S3Error, S3ErrorCode } from './error.ts';
import type { Buckets } from './objects.ts';
import type { S3Request } from './request.ts';
import { textElement } from './xml.ts';

/** The data of operations, and the traits of the imitated engine. */
export interface S3State {
  readonly buckets: Buckets;
  readonly rules: ConditionRules;
  /** See `S3ServerOptions.refuseDelete`. */
  readonly refuseDelete: (key: string) => S3ErrorCode | undefined;
}

/** A request with its body, ready to perform. */
export interface S3Call {
  readonly state: S3State;
  readonly request: S3Request;
  readonly body: ReceivedBody;
  /** Ignore the conditions of this write. */
  readonly ignoreConditions: boolean;
}

/** An answer. A HEAD has the headers of a body that is not sent. */
export interface S3Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const NO_BODY = Buffer.alloc(0);

export function emptyReply(status: number, headers: Readonly<Record<string, string>> = {}): S3Reply {
  return { status, headers, body: NO_BODY };
}

export function xmlReply(document: string, headers: Readonly<Record<string, string>> = {}): S3Reply {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body: Buffer.from(document) };
}

export function errorReply(error: S3Error, request: S3Request, requestId: string): S3Reply {
  const document = `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${[
    textElement('Code', error.code),
    textElement('Message', error.message),
    textElement('Resource', `/${request.bucket}${request.key === '' ? '' : `/${request.key}`}`),
    textElement('RequestId', requestId),
  ].join('')}</Error>`;
  return { ...xmlReply(document, error.headers), status: error.status };
}
