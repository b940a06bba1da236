import { createHash } from 'node:crypto';
import type { Random } from '../../core/random.ts';
import { s3Error } from './error.ts';
import type { ObjectContent } from './objects.ts';

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly head: Pick<ObjectContent, 'metadata' | 'contentType'>;
  readonly parts: Map<number, { readonly body: Buffer; readonly etag: string }>;
}

/** A part in CompleteMultipartUpload. */
export interface PartReference {
  readonly partNumber: number;
  /** With or without quotes. */
  readonly etag: string;
}

/** The multipart uploads under way on one server. Buckets do not show them until they complete. */
export class MultipartUploads {
  readonly #uploads = new Map<string, Upload>();
  readonly #random: Random;
  readonly #minimumPartBytes: number;

  constructor(random: Random, minimumPartBytes: number) {
    this.#random = random;
    this.#minimumPartBytes = minimumPartBytes;
  }

  create(bucket: string, key: string, head: Upload['head']): string {
    const uploadId = this.#random.hex(16);
    this.#uploads.set(uploadId, { bucket, key, head, parts: new Map() });
    return uploadId;
  }

  putPart(bucket: string, key: string, uploadId: string, partNumber: number, body: Buffer, etag: string): void {
    if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > 10_000) {
      throw s3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
    }
    this.#find(bucket, key, uploadId).parts.set(partNumber, { body, etag });
  }

  /** Assembles the object. The upload stays until `discard`, so that a refused condition leaves it usable. */
  assemble(bucket: string, key: string, uploadId: string, references: readonly PartReference[]): ObjectContent {
    const upload = this.#find(bucket, key, uploadId);
    if (references.length === 0) throw s3Error('MalformedXML', 'A multipart upload needs one part at least');
    const parts = references.map(({ partNumber, etag }, index) => {
      const part = upload.parts.get(partNumber);
      if (part === undefined || part.etag !== etag.replaceAll('"', '')) {
        throw s3Error('InvalidPart', 'One or more of the specified parts could not be found');
      }
      if (partNumber <= (references[index - 1]?.partNumber ?? 0)) {
        throw s3Error('InvalidPartOrder', 'The list of parts was not in ascending order');
      }
      if (index < references.length - 1 && part.body.length < this.#minimumPartBytes) {
        throw s3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed object size');
      }
      return part;
    });
    const digests = Buffer.concat(parts.map((part) => Buffer.from(part.etag, 'hex')));
    return {
      ...upload.head,
      body: Buffer.concat(parts.map((part) => part.body)),
      // Not the MD5 of the content: no one may take an ETag for a checksum.
      etag: `${createHash('md5').update(digests).digest('hex')}-${parts.length}`,
      checksums: {},
    };
  }

  /** Forgets a completed or aborted upload. Throws NoSuchUpload. */
  discard(bucket: string, key: string, uploadId: string): void {
    this.#find(bucket, key, uploadId);
    this.#uploads.delete(uploadId);
  }

  #find(bucket: string, key: string, uploadId: string): Upload {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined || upload.bucket !== bucket || upload.key !== key) {
      throw s3Error('NoSuchUpload', 'The specified multipart upload does not exist');
    }
    return upload;
  }
}
