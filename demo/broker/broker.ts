import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "../free-port.ts";
import { watchOver } from "../watch-over.ts";

/**
 * A real Kafka broker on 127.0.0.1 for the demo and the slow tests: one node, KRaft, jars from this folder's
 * pom.xml.
 */

const run = promisify(execFile);
const version = "4.3.1";
const here = dirname(fileURLToPath(import.meta.url));
const startMsMax = 60_000;
/** The first broker ever to stop writes its classes meanwhile. */
const endMsMax = 30_000;

export interface BrokerOptions {
  /** The folder of the broker's data and log; by default a temporary one, removed at the end. */
  readonly dir?: string;
  /** By default a free port. */
  readonly port?: number;
  /** The advertised port, when a proxy is in between; by default the broker's own. */
  readonly advertised?: number;
  /**
   * Compiled for throughput, which is paid for with several seconds of work in the first minute; by default
   * quickly.
   */
  readonly throughput?: boolean;
  /** More listeners, with TLS and SASL, and an authorizer; clients of the plain listener may do anything. */
  readonly secured?: Secured;
}

/** Listeners by name; each has a port of its own (see Broker.listeners). */
export interface Secured {
  readonly listeners: Readonly<Record<string, SecuredListener>>;
  /** The passwords of SCRAM (both kinds) and PLAIN, by user name. */
  readonly users: Readonly<Record<string, string>>;
}

interface SecuredListener {
  readonly protocol: "SASL_SSL" | "SSL";
  /** PEM: the broker's key (PKCS#8) and certificate. */
  readonly key: string;
  readonly certificate: string;
  /** PEM: the issuer of clients' certificates, which are then required. */
  readonly clientAuthority?: string;
}

export interface Broker {
  /** `127.0.0.1:port`. */
  readonly brokers: string;
  /** The secured listeners, `localhost:port` by name. */
  readonly listeners: Readonly<Record<string, string>>;
  /** Where the broker writes its own log. */
  readonly logFile: string;
  /** Shuts down cleanly, within seconds. */
  stop(): Promise<void>;
  /** Kills it at once, as a power cut would; the data stays for `restart`. */
  kill(): void;
  /** Starts it again on the same data and port after `kill`, or after `stop` where the folder was given. */
  restart(): Promise<void>;
}

/** @returns null when a broker can be started here, else the reason why not */
export function brokerAvailable(): string | null {
  const major = javaMajor();
  if (major === null) return "java is not installed (Kafka 4 needs Java 17 or later)";
  if (major < 17) return `java is version ${major} (Kafka 4 needs Java 17 or later)`;
  if (existsSync(libsOf(projectFolder()))) return null;
  try {
    execFileSync("mvn", ["--version"], { stdio: "ignore" });
  } catch {
    return "mvn (Apache Maven) is not installed; it fetches the broker's jars";
  }
  return null;
}

function javaMajor(): number | null {
  const version = javaVersion();
  return version === null ? null : Number.parseInt(version, 10);
}

function javaVersion(): string | null {
  try {
    const said = execFileSync("java", ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return /\d[\w.+-]*/.exec(said)?.[0] ?? null;
  } catch {
    return null;
  }
}

/** @throws Error with the end of the broker's log when it does not come up */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const libs = await fetchJars();
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "tidemark-broker-"));
  mkdirSync(dir, { recursive: true });
  const port = options.port ?? (await freePort());
  const controller = await freePort();
  const settings = join(dir, "server.properties");
  const logFile = join(dir, "broker.log");
  const secured = await securedSettings(dir, options.secured);
  writeFileSync(settings, properties(dir, port, controller, options.advertised ?? port, secured));
  writeFileSync(join(dir, "log4j2.properties"), log4j);
  const classes = new LoadedClasses(libs);
  const java = (shared: string) => ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", shared, "-cp", join(libs, "*")];
  if (!existsSync(join(dir, "data", "meta.properties"))) {
    const format = ["format", "-t", randomUuid(), "-c", settings, ...secured.format];
    await run("java", [...java(classes.read), "kafka.tools.StorageTool", ...format], { env: javaEnv(dir) });
  }

  let child: ChildProcess | null = null;
  const atExit = (): void => {
    child?.kill("SIGKILL");
  };
  const start = async (): Promise<void> => {
    const out = createWriteStream(logFile, { flags: "a" });
    const started = spawn(
      "java",
      [
        "-Xmx256m",
        "-Xms128m",
        `-Dlog4j2.configurationFile=${join(dir, "log4j2.properties")}`,
        ...java(classes.readOrWrite),
        ...(options.throughput ? ["-XX:TieredStopAtLevel=4"] : []),
        "kafka.Kafka",
        settings,
      ],
      { stdio: ["ignore", "pipe", "pipe"], env: javaEnv(dir) },
    );
    child = started;
    started.stdout.pipe(out, { end: false });
    started.stderr.pipe(out, { end: false });
    const watcher = watchOver({ pid: started.pid!, signal: "SIGKILL", folder: options.dir === undefined ? dir : null });
    started.once("exit", () => {
      out.end();
      watcher.kill("SIGKILL");
    });
    const until = performance.now() + startMsMax;
    while (!(await answers(port))) {
      if (started.exitCode !== null || started.signalCode !== null || performance.now() > until) {
        started.kill("SIGKILL");
        throw new Error(`The Kafka broker did not start; the end of ${logFile}:\n${tail(logFile)}`);
      }
      await sleep(50);
    }
  };
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    const ending = child;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => ending.once("exit", () => resolve()));
    ending.kill(signal);
    const killer = setTimeout(() => ending.kill("SIGKILL"), endMsMax);
    await ended;
    clearTimeout(killer);
    classes.keep();
  };

  process.once("exit", atExit);
  await start();
  return {
    brokers: `127.0.0.1:${port}`,
    listeners: Object.fromEntries([...secured.ports].map(([name, own]) => [name, `localhost:${own}`])),
    logFile,
    stop: async () => {
      await end("SIGTERM");
      process.removeListener("exit", atExit);
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
    kill: () => {
      child?.kill("SIGKILL");
    },
    restart: async () => {
      await end("SIGKILL");
      await start();
    },
  };
}

/**
 * The classes that a broker has loaded, as Java maps them into the next one, which starts in half the time. The
 * first broker that stops in order writes them, beside the jars.
 */
class LoadedClasses {
  readonly #file: string;
  readonly #written: string;

  constructor(libs: string) {
    this.#file = join(dirname(libs), `classes-${javaVersion() ?? ""}.jsa`);
    this.#written = `${this.#file}.${randomBytes(6).toString("hex")}`;
  }

  get read(): string {
    return existsSync(this.#file) ? `-XX:SharedArchiveFile=${this.#file}` : "-Xshare:auto";
  }

  get readOrWrite(): string {
    return existsSync(this.#file) ? this.read : `-XX:ArchiveClassesAtExit=${this.#written}`;
  }

  /** What was written is for all from here on. */
  keep(): void {
    if (existsSync(this.#written)) renameSync(this.#written, this.#file);
  }
}

/** As Kafka writes it: 16 bytes; not "-" at first, which would be an option. */
function randomUuid(): string {
  const bytes = randomBytes(16);
  bytes[0]! &= 0x7f;
  return bytes.toString("base64url");
}

/** Copies the jars once; of several processes that do so at a time, the first to finish wins. */
async function fetchJars(): Promise<string> {
  const project = projectFolder();
  const libs = libsOf(project);
  if (existsSync(libs)) return libs;
  const parent = dirname(libs);
  mkdirSync(parent, { recursive: true });
  const scratch = mkdtempSync(join(parent, "libs-"));
  try {
    await run(
      "mvn",
      [
        "--batch-mode",
        "--quiet",
        "--file",
        join(project, "demo", "broker", "pom.xml"),
        "dependency:copy-dependencies",
        `-DoutputDirectory=${scratch}`,
        "-DincludeScope=runtime",
      ],
      { maxBuffer: 16 << 20 },
    );
    renameSync(scratch, libs);
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true });
    if (!existsSync(libs)) throw error;
  }
  return libs;
}

/** The class path of a Java client; the jars are there once a broker was started. */
export function brokerClasspath(): string {
  return join(libsOf(projectFolder()), "*");
}

/** The folder of pom.xml, found from the sources and from the built files. */
function projectFolder(): string {
  for (let folder = here; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "demo", "broker", "pom.xml"))) return folder;
    if (folder === dirname(folder)) throw new Error(`Cannot find demo/broker/pom.xml above ${here}`);
  }
}

function libsOf(project: string): string {
  return join(project, ".cache", `kafka-${version}`, "libs");
}

/** Side files of the broker are written beside its data. */
function javaEnv(dir: string): NodeJS.ProcessEnv {
  return { ...process.env, LOG_DIR: dir };
}

interface SecuredSettings {
  readonly ports: ReadonlyMap<string, number>;
  readonly protocols: readonly string[];
  readonly properties: readonly string[];
  /** Arguments for the storage tool. */
  readonly format: readonly string[];
}

/** Each listener's key and certificate go into a file of its own. */
async function securedSettings(dir: string, secured: Secured | undefined): Promise<SecuredSettings> {
  const ports = new Map<string, number>();
  if (!secured) return { ports, protocols: [], properties: [], format: [] };
  const users = Object.entries(secured.users);
  const plain = users.map(([user, password]) => ` user_${user}="${password}"`).join("");
  const properties = [
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users=User:ANONYMOUS",
    "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
  ];
  for (const [name, { key, certificate, clientAuthority }] of Object.entries(secured.listeners)) {
    ports.set(name, await freePort());
    const own = `listener.name.${name.toLowerCase()}`;
    const file = (suffix: string, text: string) => {
      const path = join(dir, `${name}-${suffix}.pem`);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    const login = "org.apache.kafka.common.security";
    properties.push(
      `${own}.ssl.keystore.type=PEM`,
      `${own}.ssl.keystore.location=${file("key", `${key}\n${certificate}\n`)}`,
      ...(clientAuthority
        ? [
            `${own}.ssl.client.auth=required`,
            `${own}.ssl.truststore.type=PEM`,
            `${own}.ssl.truststore.location=${file("clients", `${clientAuthority}\n`)}`,
          ]
        : []),
      `${own}.plain.sasl.jaas.config=${login}.plain.PlainLoginModule required${plain};`,
      `${own}.scram-sha-256.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
      `${own}.scram-sha-512.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
      `${own}.oauthbearer.sasl.jaas.config=${login}.oauthbearer.OAuthBearerLoginModule required;`,
    );
  }
  const format = users.flatMap(([user, password]) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((kind) => [
      "--add-scram",
      `${kind}=[name=${user},password=${password}]`,
    ]),
  );
  const protocols = Object.entries(secured.listeners).map(([name, { protocol }]) => `${name}:${protocol}`);
  return { ports, protocols, properties, format };
}

function properties(
  dir: string,
  port: number,
  controller: number,
  advertised: number,
  { ports, protocols, properties: more }: SecuredSettings,
): string {
  const secured = [...ports].map(([name, own]) => `,${name}://localhost:${own}`).join("");
  return `${[
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}${secured}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${advertised}${secured}`,
    "controller.listener.names=CONTROLLER",
    "inter.broker.listener.name=PLAINTEXT",
    `listener.security.protocol.map=${["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT", ...protocols].join(",")}`,
    `log.dirs=${join(dir, "data")}`,
    "num.network.threads=2",
    "num.io.threads=4",
    "log.cleaner.dedupe.buffer.size=4194304",
    "broker.session.timeout.ms=3000",
    "broker.heartbeat.interval.ms=1000",
    "group.initial.rebalance.delay.ms=0",
    "auto.create.topics.enable=false",
    "offsets.topic.replication.factor=1",
    "offsets.topic.num.partitions=4",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "transaction.state.log.num.partitions=4",
    "share.coordinator.state.topic.replication.factor=1",
    "share.coordinator.state.topic.min.isr=1",
    ...more,
  ].join("\n")}\n`;
}

const log4j = `${[
  "status=error",
  "rootLogger.level=warn",
  "rootLogger.appenderRef.out.ref=out",
  "appender.out.type=Console",
  "appender.out.name=out",
  "appender.out.layout.type=PatternLayout",
  "appender.out.layout.pattern=%d %p %c{1} %m%n",
].join("\n")}\n`;

/** True when something listens there; Kafka opens its port only when it is ready for clients. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
    socket.setTimeout(1000, () => done(false));
  });
}

function tail(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(-20).join("\n") : "(no log)";
}
