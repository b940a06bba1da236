import { s3Error } from './error.ts';

/** The spelling of an ETag that conditional writes require: S3 accepts both; some engines compare the raw bytes. */
export type IfMatchForm = 'any' | 'quoted' | 'unquoted';

/** The conditions of one request, as sent. */
export interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

/** How an engine judges conditions of writes. */
export interface ConditionRules {
  readonly ifMatchForm: IfMatchForm;
  /** The answer to `If-Match` on a missing key: 404 on S3, 412 on Ceph. */
  readonly ifMatchMissing: 404 | 412;
}

/**
 * Refuses a write whose conditions do not hold. `current` is undefined if the key is missing or its newest version is a
 * delete marker: S3 considers only the current version.
 */
export function checkWriteConditions(
  current: { readonly etag: string } | undefined,
  { ifMatch, ifNoneMatch }: Conditions,
  rules: ConditionRules,
): void {
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw s3Error('NotImplemented', 'If-Match and If-None-Match cannot be combined');
  }
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*') throw s3Error('NotImplemented', 'If-None-Match takes only * on a write');
    if (current !== undefined) throw preconditionFailed('If-None-Match');
  }
  if (ifMatch !== undefined) {
    if (current === undefined) {
      if (rules.ifMatchMissing === 412) throw preconditionFailed('If-Match');
      throw s3Error('NoSuchKey', 'The specified key does not exist.');
    }
    if (!matches(ifMatch, current.etag, rules.ifMatchForm)) throw preconditionFailed('If-Match');
  }
}

/** Judges a GET's or HEAD's conditions: `not-modified` means 304. Every engine accepts both spellings here. */
export function checkReadConditions(etag: string, { ifMatch, ifNoneMatch }: Conditions): 'send' | 'not-modified' {
  if (ifMatch !== undefined && !matches(ifMatch, etag, 'any')) throw preconditionFailed('If-Match');
  return ifNoneMatch !== undefined && matches(ifNoneMatch, etag, 'any') ? 'not-modified' : 'send';
}

function matches(condition: string, etag: string, form: IfMatchForm): boolean {
  if (condition === '*') return true;
  const quoted = form !== 'unquoted' && condition === `"${etag}"`;
  const unquoted = form !== 'quoted' && condition === etag;
  return quoted || unquoted;
}

function preconditionFailed(header: string) {
  return s3Error('PreconditionFailed', `At least one of the pre-conditions you specified did not hold: ${header}`);
}
