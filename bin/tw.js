#!/usr/bin/env node
// The entry for npm. Old syntax only: an old Node must get as far as the message, not die of a type.
const NEEDED = 24;
const major = Number(process.versions.node.split('.')[0]);

function start() {
  // The warning about node:sqlite is for programmers of tw, not for those who type it.
  const told = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') for (const tell of told) tell(warning);
  });
  // A package holds compiled code: Node does not strip types below node_modules.
  return import('../dist/compose.js').catch((error) => {
    const absent = error.code === 'ERR_MODULE_NOT_FOUND' && String(error.url).endsWith('/dist/compose.js');
    if (!absent) throw error;
    return import('../src/compose.ts');
  });
}

if (major < NEEDED) {
  process.stderr.write(
    'tw needs Node ' +
      NEEDED +
      ' or newer; this is Node ' +
      process.versions.node +
      '.\nGet it from https://nodejs.org/en/download, or with a version manager: nvm install ' +
      NEEDED +
      ' (fnm, mise and volta can too).\nIn a clone: make setup, then ./tw\n',
  );
  process.exitCode = 2;
} else {
  void start();
}
