/** S3's status for each code that this server uses. */
const STATUS_OF_CODE = {
  AccessDenied: 403,
  BadDigest: 400,
  BucketNotEmpty: 409,
  ConditionalRequestConflict: 409,
  IllegalVersioningConfigurationException: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidDigest: 400,
  KeyTooLongError: 400,
  MalformedTrailerError: 400,
  MalformedXML: 400,
  MetadataTooLarge: 400,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchVersion: 404,
  NotImplemented: 501,
  PreconditionFailed: 412,
  ServiceUnavailable: 503,
  SlowDown: 503,
  TooManyRequests: 429,
} as const;

export type S3ErrorCode = keyof typeof STATUS_OF_CODE;

/** A refusal. Operations throw it; the server turns it into a status and an XML document. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  readonly code: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

/** Makes the error with that code and S3's status for it. */
export function s3Error(code: S3ErrorCode, message: string, headers: Readonly<Record<string, string>> = {}): S3Error {
  return new S3Error(code, STATUS_OF_CODE[code], message, headers);
}
