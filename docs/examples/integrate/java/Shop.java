// A site that signs people in by qrlatch. Java 17 with Jackson (jackson-databind). As it stands:
//
//   QRLATCH=https://login.example APP=shop SECRET=secret PORT=8082 java -cp 'jackson/*' Shop.java
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

public class Shop {
    static final String SERVER = System.getenv("QRLATCH"), APP = System.getenv("APP"), SECRET = System.getenv("SECRET");
    static final ObjectMapper JSON = new ObjectMapper();
    static final HttpClient HTTP = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
    static final Map<String, PublicKey> KEYS = new HashMap<>();
    static Instant fetched = Instant.EPOCH;

    // home shows the login. Its state is bound to this browser by a cookie.
    static void home(HttpExchange x) throws IOException {
        byte[] random = new byte[18];
        new SecureRandom().nextBytes(random);
        String state = Base64.getUrlEncoder().encodeToString(random);
        x.getResponseHeaders().add("Set-Cookie", "state=" + state + "; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax");
        say(x, 200, "text/html", """
            <!DOCTYPE html><title>Sign in</title><div id="login"></div>
            <script src="%s/qrlatch.js"></script>
            <script>QRLatch({ el: 'login', app: '%s', state: '%s' })</script>""".formatted(SERVER, APP, state));
    }

    // signedIn is the redirect_uri. A state that is not this browser's would sign its person in
    // to somebody else's account.
    static void signedIn(HttpExchange x) throws IOException, InterruptedException {
        Map<String, String> query = pairs(x.getRequestURI().getRawQuery(), "&");
        String state = pairs(x.getRequestHeaders().getFirst("Cookie"), "; ").getOrDefault("state", "");
        if (state.isEmpty() || !MessageDigest.isEqual(state.getBytes(), query.getOrDefault("state", "").getBytes())) {
            say(x, 403, "text/plain", "This sign-in did not begin in this browser.");
            return;
        }
        var answer = redeem(query.getOrDefault("ticket", ""));
        switch (answer.statusCode()) {
            case 200 -> {
                // Begin your own session here. Keep session.id in it: see "While it lasts".
                x.getResponseHeaders().add("Set-Cookie", "state=; Path=/; Max-Age=0");
                say(x, 200, "text/plain", "Signed in as " + JSON.readTree(answer.body()).at("/user/name").asText());
            }
            case 400, 404, 409 -> say(x, 403, "text/plain", "This sign-in is over. Begin again.");
            default -> say(x, 502, "text/plain", "The login server does not help. Reload this page.");
        }
    }

    // redeem trades the ticket, once.
    static java.net.http.HttpResponse<String> redeem(String ticket) throws IOException, InterruptedException {
        String basic = Base64.getEncoder().encodeToString((APP + ":" + SECRET).getBytes(StandardCharsets.UTF_8));
        return HTTP.send(HttpRequest.newBuilder(URI.create(SERVER + "/v1/tickets/redeem")).timeout(Duration.ofSeconds(10))
            .header("Authorization", "Basic " + basic).header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(Map.of("ticket", ticket)))).build(), BodyHandlers.ofString());
    }

    // claims returns what a token of a type says, or throws. Both types have the same key, and
    // neither does for the other: a logout token is no proof that somebody signed in.
    static JsonNode claims(String token, String typ) throws Exception {
        String[] parts = token.split("\\.", -1);
        JsonNode head = JSON.readTree(decode(parts[0]));
        if (parts.length != 3 || !head.path("alg").asText().equals("ES256")
            || !head.path("typ").asText().equals(typ)) throw new GeneralSecurityException("not one of ours");
        Signature signature = Signature.getInstance("SHA256withECDSAinP1363Format");
        signature.initVerify(keyOf(head.path("kid").asText()));
        signature.update((parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII));
        if (!signature.verify(decode(parts[2]))) throw new GeneralSecurityException("forged");
        JsonNode said = JSON.readTree(decode(parts[1]));
        if (!said.path("iss").asText().equals(SERVER) || !said.path("aud").asText().equals(APP)
            || said.path("exp").asLong() <= Instant.now().getEpochSecond()) throw new GeneralSecurityException("not for us, or over");
        return said;
    }

    // keyOf asks for a key that it does not know, every ten seconds at most.
    static synchronized PublicKey keyOf(String kid) throws Exception {
        if (!KEYS.containsKey(kid) && fetched.isBefore(Instant.now().minusSeconds(10))) {
            fetched = Instant.now();
            try {
                fetch();
            } catch (Exception e) {
                throw new NoKey();
            }
        }
        if (!KEYS.containsKey(kid)) throw new NoKey();
        return KEYS.get(kid);
    }

    // NoKey says nothing against a token: its key cannot be had just now.
    static class NoKey extends Exception {}

    static void fetch() throws Exception {
        var answer = HTTP.send(HttpRequest.newBuilder(URI.create(SERVER + "/.well-known/jwks.json"))
            .timeout(Duration.ofSeconds(3)).build(), BodyHandlers.ofString()); // a notice is waited for five
        AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
        curve.init(new ECGenParameterSpec("secp256r1"));
        for (JsonNode key : JSON.readTree(answer.body()).path("keys")) {
            ECPoint point = new ECPoint(number(key, "x"), number(key, "y"));
            KEYS.put(key.path("kid").asText(), KeyFactory.getInstance("EC")
                .generatePublic(new ECPublicKeySpec(point, curve.getParameterSpec(ECParameterSpec.class))));
        }
    }

    static BigInteger number(JsonNode key, String member) { return new BigInteger(1, decode(key.path(member).asText())); }

    static byte[] decode(String text) { return Base64.getUrlDecoder().decode(text); }

    // signedOut is the logout_url: the phone, or something else, has ended a session.
    static void signedOut(HttpExchange x) throws IOException {
        String form = new String(x.getRequestBody().readNBytes(16384), StandardCharsets.US_ASCII);
        try {
            JsonNode said = claims(pairs(form, "&").getOrDefault("logout_token", ""), "logout+jwt");
            if (said.path("sid").asText().isEmpty() || said.has("nonce")
                || !said.path("events").has("http://schemas.openid.net/event/backchannel-logout")) throw new GeneralSecurityException("no notice");
            // End your own session that keeps sid. One that is over already is no error.
            x.getResponseHeaders().set("Cache-Control", "no-store");
            x.sendResponseHeaders(204, -1);
            x.close();
        } catch (NoKey e) {
            say(x, 503, "text/plain", "The keys cannot be had just now."); // the notice comes again
        } catch (Exception e) {
            say(x, 400, "text/plain", "This is no logout token for this site.");
        }
    }

    // me is of another service of yours, which trusts nobody's word but an id_token.
    static void me(HttpExchange x) throws IOException {
        try {
            String token = String.valueOf(x.getRequestHeaders().getFirst("Authorization")).replaceFirst("^Bearer ", "");
            say(x, 200, "application/json", JSON.writeValueAsString(Map.of("sub", claims(token, "JWT").path("sub").asText())));
        } catch (Exception e) {
            say(x, 401, "text/plain", "Who are you?");
        }
    }

    static Map<String, String> pairs(String text, String between) {
        Map<String, String> found = new HashMap<>();
        for (String pair : (text == null ? "" : text).split(between)) {
            int at = pair.indexOf('=');
            if (at > 0) found.put(pair.substring(0, at), URLDecoder.decode(pair.substring(at + 1), StandardCharsets.UTF_8));
        }
        return found;
    }

    static void say(HttpExchange x, int status, String type, String text) throws IOException {
        byte[] body = (text + "\n").getBytes(StandardCharsets.UTF_8);
        x.getResponseHeaders().set("Content-Type", type + "; charset=utf-8");
        x.getResponseHeaders().set("Cache-Control", "no-store");
        x.sendResponseHeaders(status, body.length);
        x.getResponseBody().write(body);
        x.close();
    }

    public static void main(String[] args) throws IOException {
        HttpServer http = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 0);
        http.createContext("/", x -> {
            try {
                switch (x.getRequestURI().getPath()) {
                    case "/" -> home(x);
                    case "/signed-in" -> signedIn(x);
                    case "/signed-out" -> signedOut(x);
                    case "/api/me" -> me(x);
                    default -> say(x, 404, "text/plain", "There is no such page.");
                }
            } catch (IOException | InterruptedException e) {
                say(x, 502, "text/plain", "The login server does not answer. Reload this page.");
            }
        });
        http.setExecutor(java.util.concurrent.Executors.newFixedThreadPool(8));
        http.start();
        System.out.println("listening on http://127.0.0.1:" + http.getAddress().getPort());
    }
}
