import type { Report } from './document.ts';
import type { Prices } from './prices.ts';

const MILLION = 1e6;
const GB = 1e9;

/** Returns what the operations that a report measured cost together, in US dollars, to two digits. */
export function runCostText({ cost, costUsdPerMillion = 0 }: Pick<Report, 'cost' | 'costUsdPerMillion'>): string {
  const usd = (costUsdPerMillion * (cost?.operations ?? 0)) / MILLION;
  return usd.toLocaleString('en-US', { maximumSignificantDigits: 2 });
}

/** Returns the cost of a million operations, extrapolated from `operations` of them. Excludes storage. */
export function costOf(
  { get, put, head, list, delete: deletes, bytesDown, dynamo, lambda }: Report['requests'],
  { operation, operations }: { readonly operation: string; readonly operations: number },
  prices: Prices,
): Required<Pick<Report, 'costUsdPerMillion' | 'cost'>> {
  // Prices are per million requests, so requests per operation times price is dollars per million operations.
  const s3 =
    get * prices.usdPerMillionGet +
    put * prices.usdPerMillionPut +
    head * prices.usdPerMillionHead +
    list * prices.usdPerMillionList +
    deletes * prices.usdPerMillionDelete;
  const tables =
    (dynamo?.read ?? 0) * prices.usdPerMillionDynamoReads + (dynamo?.write ?? 0) * prices.usdPerMillionDynamoWrites;
  const functions =
    (lambda?.invocations ?? 0) * prices.usdPerMillionLambdaInvocations +
    (lambda?.gbSeconds ?? 0) * prices.usdPerLambdaGbSecond * MILLION;
  const out = (bytesDown / GB) * prices.usdPerGbOut * MILLION;
  const { date, region, source } = prices;
  return {
    costUsdPerMillion: (s3 + tables + functions + out) / operations,
    cost: {
      operation,
      operations,
      usdPerMillion: {
        s3: s3 / operations,
        dynamo: tables / operations,
        lambda: functions / operations,
        dataOut: out / operations,
      },
      prices: { date, region, source },
    },
  };
}
