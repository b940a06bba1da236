import * as z from 'zod';
import { JavumboError, messageOf } from '../core/failure.ts';
import { readInputFile } from '../core/input-file.ts';
import { decodeText } from '../core/text-input.ts';

const usd = z.number().min(0);

const prices = z.strictObject({
  date: z.string().min(1),
  region: z.string(),
  source: z.string(),
  usdPerMillionPut: usd,
  usdPerMillionGet: usd,
  usdPerMillionHead: usd,
  usdPerMillionList: usd,
  usdPerMillionDelete: usd,
  usdPerMillionDynamoReads: usd,
  usdPerMillionDynamoWrites: usd,
  usdPerMillionLambdaInvocations: usd,
  usdPerLambdaGbSecond: usd,
  usdPerGbOut: usd,
  usdPerGbMonth: usd,
});

/** A provider's prices in US dollars, with their date. A GB is 10^9 bytes. */
export type Prices = Readonly<z.infer<typeof prices>>;

/**
 * AWS's public list prices in us-east-1 of June 2025: S3 Standard (https://aws.amazon.com/s3/pricing/), DynamoDB on
 * demand, halved in November 2024 (https://aws.amazon.com/dynamodb/pricing/on-demand/), and Lambda on x86
 * (https://aws.amazon.com/lambda/pricing/). Update the date with any price.
 */
export const AWS_PRICES: Prices = {
  date: '2025-06-01',
  region: 'us-east-1',
  source: 'https://aws.amazon.com/s3/pricing/',
  usdPerMillionPut: 5,
  usdPerMillionGet: 0.4,
  usdPerMillionHead: 0.4,
  usdPerMillionList: 5,
  usdPerMillionDelete: 0,
  usdPerMillionDynamoReads: 0.125,
  usdPerMillionDynamoWrites: 0.625,
  usdPerMillionLambdaInvocations: 0.2,
  usdPerLambdaGbSecond: 0.0000166667,
  // From S3 to a machine in its region. To the internet it would be 0.09.
  usdPerGbOut: 0,
  usdPerGbMonth: 0.023,
};

// Every table of prices has a date; missing prices are AWS's.
const overrides = prices.partial().required({ date: true });

/** Returns AWS's prices, overridden by those in a file. Throws `usage` for an invalid file. */
export async function loadPrices(file: string | undefined): Promise<Prices> {
  if (file === undefined) return AWS_PRICES;
  const refuse = (reason: string): JavumboError =>
    new JavumboError('usage', `--prices ${file}: ${reason}`, {
      try: `a JSON object with "date" and any of ${Object.keys(AWS_PRICES).slice(1).join(', ')}`,
    });
  let read: unknown;
  try {
    read = JSON.parse(decodeText(await readInputFile(file), 'the file', ''));
  } catch (error) {
    throw refuse(messageOf(error));
  }
  const result = overrides.safeParse(read);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw refuse(`${issue?.path.join('.') || 'the document'}: ${issue?.message}`);
  }
  const given = Object.entries(result.data).filter(([, value]) => value !== undefined);
  return { ...AWS_PRICES, source: file, ...Object.fromEntries(given) };
}
