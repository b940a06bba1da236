import type { Random } from '../core/random.ts';
import type { Transfer } from '../core/requests.ts';
import type { ExtraRequest } from '../core/usage.ts';
import type { DeletionKind } from './tombstone.ts';

export interface S3DatabaseStoreOptions {
  readonly bucket: string;
  /** Set for any engine but AWS. Decides on checksums and the form of `If-Match`. */
  readonly endpoint?: string | undefined;
  /** What a PUT gives the engine to compare with the body. Default: CRC32 for AWS, else the MD5 that all engines know. */
  readonly bodyDigest?: 'crc32' | 'md5' | undefined;
  /** Called for each request beyond the one that was called, with the bytes it sends, whatever its outcome. */
  readonly onExtraRequest?: ((request: ExtraRequest, bytesUp: number) => void) | undefined;
  /** Called when the bytes of a database begin to move. */
  readonly onTransfer?: ((transfer: Transfer) => void) | undefined;
  /** How the engine deletes, asked at each conditional delete, and the source of tombstones. Absent: it compares. */
  readonly deletion?: { readonly kind: () => Promise<DeletionKind>; readonly random: Random } | undefined;
}

/** An `S3Client` of the AWS SDK, version 3. Described here, so that the package's types need no SDK beside it. */
export interface SdkS3Client {
  send(command: never, options?: { readonly abortSignal?: AbortSignal }): Promise<object>;
}
