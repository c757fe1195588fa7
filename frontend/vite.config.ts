import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import optimizeLocales from "@react-aria/optimize-locales-plugin";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const TEXT = /\.(css|html|js|svg)$/;
/** Bytes that fit into the first packet anyway. */
const SHORT = 1024;

const CHARTS = "uplot|src/charts/";
const LISTS = "src/list/|@tanstack/.*(table|virtual)";

export default defineConfig({
  plugins: [react(), optimizeLocales.vite({ locales: ["en-US"] }), preloaded("src/app/start.tsx"), compressed()],
  build: {
    // One sheet of 12 KB comes with the page; each page's own would be up to eight more files to ask for.
    cssCodeSplit: false,
    chunkSizeWarningLimit: 700,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        chunkFileNames: ({ name }) => `assets/${name.split("~")[0]}-[hash].js`,
        // Few files, since browsers ask HTTP/1.1 servers for six at a time, and little that a page does not use.
        codeSplitting: {
          groups: [
            {
              name: "main",
              test: /index\.html$|src\/main\.ts$|src\/api\/ahead\.ts$|pageCode\.ts$|preload-helper/,
              priority: 4,
            },
            { name: "start", test: /src\/app\/start\.tsx$/, priority: 3 },
            { name: "common", minShareCount: 4, test: new RegExp(`^(?!.*(${CHARTS}|${LISTS}))`), priority: 2 },
            { name: "charts", test: new RegExp(CHARTS), priority: 1 },
            { name: "lists", test: new RegExp(LISTS), priority: 1 },
            { name: "shared", minShareCount: 2, entriesAware: true, entriesAwareMergeThreshold: 8000 },
          ],
        },
      },
    },
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": "http://127.0.0.1:3000" },
  },
  test: {
    environment: "happy-dom",
    environmentOptions: { happyDOM: { url: "http://localhost:3000/" } },
    setupFiles: "src/patience.ts",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
});

/** Has index.html name a module that its script imports dynamically, so that both are asked for at once. */
function preloaded(module: string): Plugin {
  return {
    name: "preloaded",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler: (_, { bundle = {} }) => {
        const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
        const named = chunks.find(({ moduleIds }) => moduleIds.some((id) => id.endsWith(`/${module}`)));
        if (!named) throw new Error(`no chunk holds ${module}`);
        return chunks
          .filter(({ fileName, isEntry }) => !isEntry && [named.fileName, ...named.imports].includes(fileName))
          .map(({ fileName }) => ({
            tag: "link",
            attrs: { rel: "modulepreload", crossorigin: "", href: `/${fileName}` },
            injectTo: "head",
          }));
      },
    },
  };
}

/** Puts each text file beside itself compressed, `.br` and `.gz`, for servers that send these as they are. */
function compressed(): Plugin {
  const gzipped = promisify(gzip);
  const brotli = promisify(brotliCompress);
  return {
    name: "compressed",
    apply: "build",
    async writeBundle({ dir = "" }, bundle) {
      const files = Object.values(bundle).filter(({ fileName }) => TEXT.test(fileName));
      await Promise.all(
        files.map(async (file) => {
          const content = Buffer.from(file.type === "chunk" ? file.code : file.source);
          if (content.length <= SHORT) return;
          const params = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
          await writeFile(join(dir, `${file.fileName}.gz`), await gzipped(content, { level: 9 }));
          await writeFile(join(dir, `${file.fileName}.br`), await brotli(content, { params }));
        }),
      );
    },
  };
}
