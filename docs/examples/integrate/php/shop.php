<?php
// A site that signs people in by qrlatch. PHP 8 with openssl, no packages. As it stands:
//
//   QRLATCH=https://login.example APP=shop SECRET=secret php -S 127.0.0.1:8082 shop.php
declare(strict_types=1);

[$server, $app, $secret] = array_map('getenv', ['QRLATCH', 'APP', 'SECRET']);

// home shows the login. Its state is bound to this browser by a cookie.
function home(): void {
    global $server, $app;
    $state = bin2hex(random_bytes(18));
    setcookie('state', $state, ['expires' => time() + 3600, 'path' => '/', 'secure' => true, 'httponly' => true, 'samesite' => 'Lax']);
    echo '<!DOCTYPE html><title>Sign in</title><div id="login"></div>',
        '<script src="', htmlspecialchars($server), '/qrlatch.js"></script>',
        '<script>QRLatch(', json_encode(['el' => 'login', 'app' => $app, 'state' => $state], JSON_HEX_TAG), ')</script>';
}

// signedIn is the redirect_uri. A state that is not this browser's would sign its person in
// to somebody else's account.
function signedIn(): void {
    $state = $_COOKIE['state'] ?? '';
    if ($state === '' || !is_string($_GET['state'] ?? null) || !hash_equals($state, $_GET['state'])) {
        say(403, 'This sign-in did not begin in this browser.');
        return;
    }
    [$status, $person] = redeem(is_string($_GET['ticket'] ?? null) ? $_GET['ticket'] : '');
    if (in_array($status, [400, 404, 409], true)) {
        say(403, 'This sign-in is over. Begin again.');
    } elseif ($status !== 200) {
        say(502, 'The login server does not answer. Reload this page.');
    } else {
        // Begin your own session here. Keep $person['session']['id'] in it: see "While it lasts".
        setcookie('state', '', ['expires' => 1, 'path' => '/']);
        say(200, 'Signed in as ' . $person['user']['name']);
    }
}

// redeem trades the ticket, once.
function redeem(string $ticket): array {
    global $app, $secret;
    return ask('POST', '/v1/tickets/redeem', json_encode(['ticket' => $ticket]),
        ['Authorization: Basic ' . base64_encode("$app:$secret"), 'Content-Type: application/json']);
}

// ask returns status and JSON of an answer of the login server; 0 if there is none.
function ask(string $method, string $path, string $body = '', array $headers = [], int $timeout = 10): array {
    global $server;
    $text = @file_get_contents($server . $path, false, stream_context_create(['http' => [
        'method' => $method, 'header' => $headers, 'content' => $body, 'timeout' => $timeout, 'ignore_errors' => true, 'follow_location' => 0,
    ]]));
    preg_match('#^HTTP/\S+ (\d+)#', $http_response_header[0] ?? '', $line);
    return [(int) ($line[1] ?? 0), json_decode((string) $text, true)];
}

// NoKey says nothing against a token: its key cannot be had just now.
class NoKey extends Exception {}

// claims returns what a token of a type says, or null. Both types have the same key, and
// neither does for the other: a logout token is no proof that somebody signed in.
function claims(string $token, string $typ): ?array {
    global $server, $app;
    $parts = explode('.', $token);
    $head = json_decode(decode($parts[0]), true);
    if (count($parts) !== 3 || ($head['alg'] ?? '') !== 'ES256' || ($head['typ'] ?? '') !== $typ || !is_string($head['kid'] ?? null)) {
        return null;
    }
    $key = keyOf($head['kid']);
    $signature = decode($parts[2]);
    if (strlen($signature) !== 64 || openssl_verify("$parts[0].$parts[1]", der($signature), $key, OPENSSL_ALGO_SHA256) !== 1) {
        return null;
    }
    $said = json_decode(decode($parts[1]), true);
    return $said['iss'] === $server && $said['aud'] === $app && $said['exp'] > time() ? $said : null;
}

// keyOf asks for the keys. Keep them where your processes share things (APCu), and ask again
// for a kid that you do not know, every ten seconds at most.
function keyOf(string $kid): OpenSSLAsymmetricKey {
    [$status, $set] = ask('GET', '/.well-known/jwks.json', timeout: 3); // a notice is waited for five
    foreach ($status === 200 ? $set['keys'] ?? [] : [] as $key) {
        if ($key['kid'] === $kid) {
            // SubjectPublicKeyInfo of an uncompressed point on P-256 (RFC 5480).
            $info = hex2bin('3059301306072a8648ce3d020106082a8648ce3d03010703420004') . decode($key['x']) . decode($key['y']);
            return openssl_pkey_get_public("-----BEGIN PUBLIC KEY-----\n" . base64_encode($info) . "\n-----END PUBLIC KEY-----") ?: throw new NoKey();
        }
    }
    throw new NoKey();
}

// der writes a signature of two numbers (RFC 7518, section 3.4) as openssl reads it.
function der(string $signature): string {
    $body = '';
    foreach (str_split($signature, 32) as $number) {
        $number = ltrim($number, "\0");
        $number = $number === '' || ord($number[0]) > 127 ? "\0$number" : $number;
        $body .= "\x02" . chr(strlen($number)) . $number;
    }
    return "\x30" . chr(strlen($body)) . $body;
}

function decode(string $text): string {
    return (string) base64_decode(strtr($text, '-_', '+/'));
}

// signedOut is the logout_url: the phone, or something else, has ended a session.
function signedOut(): void {
    try {
        $said = claims(is_string($_POST['logout_token'] ?? null) ? $_POST['logout_token'] : '', 'logout+jwt');
    } catch (NoKey) {
        say(503, 'The keys cannot be had just now.'); // the notice comes again
        return;
    }
    if (!is_string($said['sid'] ?? null) || isset($said['nonce']) || !isset($said['events']['http://schemas.openid.net/event/backchannel-logout'])) {
        say(400, 'This is no logout token for this site.');
        return;
    }
    // End your own session that keeps $said['sid']. One that is over already is no error.
    http_response_code(204);
    header('Cache-Control: no-store');
}

// me is of another service of yours, which trusts nobody's word but an id_token.
function me(): void {
    try {
        $said = claims(preg_replace('/^Bearer /', '', $_SERVER['HTTP_AUTHORIZATION'] ?? ''), 'JWT');
    } catch (NoKey) {
        $said = null;
    }
    $said === null ? say(401, 'Who are you?') : say(200, json_encode(['sub' => $said['sub']]));
}

function say(int $status, string $text): void {
    http_response_code($status);
    header('Content-Type: text/plain; charset=utf-8');
    header('Cache-Control: no-store');
    echo $text, "\n";
}

match (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    '/' => home(),
    '/signed-in' => signedIn(),
    '/signed-out' => signedOut(),
    '/api/me' => me(),
    default => say(404, 'There is no such page.'),
};
