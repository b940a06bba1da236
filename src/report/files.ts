/**
 * Writes reports to files. An ordinary file is replaced by a rename, so that no one reads half a report and a killed
 * run leaves the old one; a pipe, a device or a mounted file is written in place.
 */
import { constants } from 'node:fs';
import { access, type FileHandle, open, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Context, Output } from '../core/context.ts';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { jsonText } from '../core/format.ts';
import { partOf, pathBehindLinks, replaceFile } from '../core/replace-file.ts';
import type { Report } from './document.ts';
import { openFifo } from './fifo.ts';
import { htmlOf } from './html/report-page.ts';
import { junitOf } from './junit.ts';
import { markdownOf } from './markdown.ts';

/** One `--report <format>=<file>`. */
export interface ReportTarget {
  readonly format: 'json' | 'junit' | 'markdown' | 'html';
  readonly file: string;
}

const RENDER: Readonly<Record<ReportTarget['format'], (report: Report) => string>> = {
  json: (report) => `${jsonText(report, 2)}\n`,
  junit: junitOf,
  markdown: markdownOf,
  html: htmlOf,
};

interface Destination {
  readonly path: string;
  write(text: string): Promise<void>;
}

export interface ReportFiles<T = Report> {
  /** Writes the report to each file. Returns why some could not be written, since the work is done. */
  write(report: T): Promise<string[]>;
}

/**
 * Checks that each file can be written before the work starts. Throws `usage` if one cannot, if two are the same, if
 * one is a file that the command reads, or if stdout would hold a report beside the document of `--json`.
 */
export function openReportFiles(
  targets: readonly ReportTarget[],
  context: FilesContext,
  flags: FilesFlags,
): Promise<ReportFiles> {
  return openFiles(targets, context, flags, (report: Report, format) => RENDER[format](report));
}

type FilesContext = Pick<Context, 'env' | 'stdout' | 'stderr' | 'random' | 'signal'>;

interface FilesFlags {
  readonly json: boolean;
  /** Files that the command reads: a report over one of them would destroy it. */
  readonly reads?: readonly string[];
}

/** The same for what is no report, and is rendered by `render`. */
export async function openFiles<T>(
  targets: readonly ReportTarget[],
  { env, stdout, stderr, random, signal }: FilesContext,
  { json, reads = [] }: FilesFlags,
  render: (document: T, format: ReportTarget['format']) => string,
): Promise<ReportFiles<T>> {
  const inputs = await Promise.all(reads.map((file) => pathBehindLinks(file).catch(() => undefined)));
  const opened: { readonly target: ReportTarget; readonly destination: Destination }[] = [];
  for (const target of targets) {
    const refuse = (reason: string, hint: string, cause?: unknown): JavumboError =>
      new JavumboError('usage', `--report ${target.format}=${target.file}: ${reason}`, { try: hint, cause });
    // Elsewhere it is stdout, so nobody who writes it means a file of that name.
    if (target.file === '-') throw refuse('- is no file', `--report ${target.format}=/dev/stdout`);
    const stream = standardStream(target.file, { stdout, stderr });
    if (stream === stdout && json) throw refuse('stdout holds the document of --json', 'a file, or none of the two');
    if (isWithheld(target.file)) {
      const hint = 'a file, >(command), or a higher descriptor, such as /dev/fd/20 with 20>file';
      throw refuse(`descriptors from 3 to ${WITHHELD_MAX} may be Node's own`, hint);
    }
    let destination: Destination;
    try {
      destination =
        stream === undefined
          ? await openFile(target.file, isStepSummary(target, env), { random, signal })
          : { path: target.file, write: async (text) => void stream.write(text) };
    } catch (error) {
      throw refuse(`it cannot be written: ${messageOf(error)}`, 'another file', error);
    }
    if (inputs.includes(destination.path)) {
      throw refuse('this command reads that file', 'another file');
    }
    if (opened.some((other) => other.destination.path === destination.path)) {
      throw refuse('another report goes there already', 'a file for each');
    }
    opened.push({ target, destination });
  }
  return {
    write: async (document) => {
      const troubles: string[] = [];
      for (const { target, destination } of opened) {
        try {
          await destination.write(render(document, target.format));
        } catch (error) {
          troubles.push(`the report ${target.format}=${target.file} could not be written: ${messageOf(error)}`);
        }
      }
      return troubles;
    },
  };
}

/**
 * Opens the summary of the job in GitHub Actions, unless a target is it already. Nobody has asked for it, so where it
 * cannot be written, `warn` is told, and nothing fails.
 */
export async function openStepSummary(
  targets: readonly ReportTarget[],
  context: Parameters<typeof openReportFiles>[1],
  warn: (text: string) => void,
): Promise<ReportFiles> {
  const summary = stepSummaryOf(context.env);
  const none: ReportFiles = { write: async () => [] };
  if (summary === undefined || targets.some((target) => isStepSummary(target, context.env))) return none;
  try {
    const files = await openReportFiles([summary], context, { json: false });
    const write = async (report: Report): Promise<string[]> => {
      for (const trouble of await files.write(report)) warn(trouble);
      return [];
    };
    return { write };
  } catch (error) {
    warn(`there is no job summary: ${messageOf(error)}`);
    return none;
  }
}

/** By name: opening them as files would truncate a file to which the shell redirected them. */
function standardStream(file: string, { stdout, stderr }: Record<'stdout' | 'stderr', Output>): Output | undefined {
  if (/^\/(dev\/stdout|(dev|proc\/self)\/fd\/1)$/.test(file)) return stdout;
  return /^\/(dev\/stderr|(dev|proc\/self)\/fd\/2)$/.test(file) ? stderr : undefined;
}

// Node uses the lowest free descriptors itself: one of these may be its own, not the shell's.
const WITHHELD_MAX = 16;

function isWithheld(file: string): boolean {
  const [, , number] = /^\/(dev|proc\/self)\/fd\/(\d+)$/.exec(file) ?? [];
  return number !== undefined && Number(number) > 2 && Number(number) <= WITHHELD_MAX;
}

/** Returns the summary of the job in GitHub Actions as a target; undefined elsewhere. */
function stepSummaryOf({ GITHUB_ACTIONS, GITHUB_STEP_SUMMARY }: NodeJS.ProcessEnv): ReportTarget | undefined {
  return GITHUB_ACTIONS && GITHUB_STEP_SUMMARY ? { format: 'markdown', file: GITHUB_STEP_SUMMARY } : undefined;
}

/** A step summary in GitHub Actions is appended to: earlier steps' text must stay. */
function isStepSummary({ format, file }: ReportTarget, env: NodeJS.ProcessEnv): boolean {
  const summary = stepSummaryOf(env);
  return summary !== undefined && format === 'markdown' && resolve(file) === resolve(summary.file);
}

async function openFile(
  file: string,
  appending: boolean,
  { random, signal }: Pick<Context, 'random' | 'signal'>,
): Promise<Destination> {
  const path = await pathBehindLinks(file);
  const existing = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (existing?.isDirectory()) throw new Error('it is a directory');
  if (existing?.isFIFO()) return { path, ...(await openFifo(path, signal)) };
  if (existing !== undefined && !existing.isFile()) return heldOpen(path, await open(path, 'w'));
  if (appending) return heldOpen(path, await open(path, 'a'), { apart: true });
  if (existing !== undefined) await access(path, constants.W_OK);
  const write = (text: string): Promise<void> => replaceFile(path, text, { mode: existing?.mode, random });
  // Creating and removing an empty file beside it proves that the directory exists and is writable.
  const probe = partOf(path, random);
  try {
    await (await open(probe, 'wx')).close();
  } catch (error) {
    // The probe's path would only confuse.
    if (codeOf(error) === 'ENOENT') throw new Error(`there is no directory ${dirname(path)}`);
    throw new Error(`${dirname(path)} takes no file: ${codeOf(error) ?? messageOf(error)}`);
  }
  await rm(probe);
  return { path, write };
}

/** `apart`: after a blank line, without which a heading may not be one. */
function heldOpen(path: string, handle: FileHandle, { apart = false } = {}): Destination {
  return {
    path,
    write: async (text) => {
      try {
        const follows = apart && (await handle.stat()).size > 0;
        await handle.writeFile(follows ? `\n\n${text}` : text);
      } finally {
        await handle.close();
      }
    },
  };
}
