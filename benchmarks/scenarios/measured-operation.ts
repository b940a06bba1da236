/**
 * Runs one operation of one design and prints the peak of its resident memory in bytes: `node measured-operation.js
 * <design> <read|write> <endpoint> <username> <directory>`.
 */
import { peakMemoryBytes } from '../../src/testing/peak-memory.ts';
import { type DesignName, openDesign } from '../designs.ts';
import { changeOneNote } from '../seed.ts';

const [design, operation, endpoint = '', username = '', directory = ''] = process.argv.slice(2);
const opened = openDesign(design as DesignName, endpoint, directory, 'crc32');
const machine = opened.machine();
if (operation === 'read') await machine.read(username);
else await machine.write(username, changeOneNote);
machine.remove();
opened.close();
process.stdout.write(String(peakMemoryBytes()));
