import io.debezium.embedded.Connect;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.RecordChangeEvent;
import io.debezium.engine.format.ChangeEventFormat;
import io.debezium.engine.spi.OffsetCommitPolicy;
import java.io.FileReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Runs a Debezium engine for each *.properties file of a folder, and appends its records to a file beside it, one
 * JSON text per line, written by Connect's own JSON converter. Ends at a line on standard input: "stop" closes the
 * engines, which commits offsets, and "halt" is as a kill.
 */
public class Capture {
    public static void main(String[] args) throws Exception {
        List<DebeziumEngine<?>> engines = new ArrayList<>();
        List<Path> files;
        try (var found = Files.list(Path.of(args[0]))) {
            files = found.filter(file -> file.toString().endsWith(".properties")).collect(Collectors.toList());
        }
        for (Path file : files) {
            Properties properties = new Properties();
            try (FileReader reader = new FileReader(file.toFile())) {
                properties.load(reader);
            }
            DebeziumEngine<?> engine = engine(file, properties);
            engines.add(engine);
            new Thread(engine).start();
        }
        int first = System.in.read();
        if (first == 's') {
            for (DebeziumEngine<?> engine : engines) engine.close();
        }
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static DebeziumEngine<RecordChangeEvent<SourceRecord>> engine(Path file, Properties properties)
            throws Exception {
        PrintStream out = new PrintStream(new java.io.FileOutputStream(file + ".out", true), true, StandardCharsets.UTF_8);
        Map<String, Object> settings = new HashMap<>();
        for (String name : properties.stringPropertyNames()) {
            if (name.startsWith("value.converter.")) settings.put(name.substring("value.converter.".length()), properties.getProperty(name));
        }
        JsonConverter keys = new JsonConverter();
        keys.configure(settings, true);
        JsonConverter values = new JsonConverter();
        values.configure(settings, false);
        boolean commits = Boolean.parseBoolean(properties.getProperty("capture.commits"));
        return DebeziumEngine.create(ChangeEventFormat.of(Connect.class)).using(properties)
                .using((OffsetCommitPolicy) (count, since) -> commits)
                .using((success, message, error) -> {
                    if (!success) System.out.println(file + ": " + message + " " + error);
                })
                .notifying(event -> {
                    SourceRecord record = event.record();
                    StringBuilder headers = new StringBuilder();
                    for (Header header : record.headers()) {
                        headers.append(headers.length() == 0 ? "" : ",").append('"').append(header.key()).append("\":")
                                .append(text(values, record.topic(), header.schema(), header.value()));
                    }
                    synchronized (out) {
                        out.println("{\"topic\":\"" + record.topic() + "\",\"headers\":{" + headers + "},\"key\":"
                                + text(keys, record.topic(), record.keySchema(), record.key()) + ",\"value\":"
                                + text(values, record.topic(), record.valueSchema(), record.value()) + "}");
                    }
                }).build();
    }

    private static String text(JsonConverter converter, String topic, Schema schema, Object value) {
        byte[] bytes = value == null ? null : converter.fromConnectData(topic, schema, value);
        return bytes == null ? "null" : new String(bytes, StandardCharsets.UTF_8);
    }
}
