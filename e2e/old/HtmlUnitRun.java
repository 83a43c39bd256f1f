import com.gargoylesoftware.htmlunit.BrowserVersion;
import com.gargoylesoftware.htmlunit.ScriptException;
import com.gargoylesoftware.htmlunit.WebClient;
import com.gargoylesoftware.htmlunit.html.HtmlPage;
import com.gargoylesoftware.htmlunit.javascript.JavaScriptErrorListener;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLEncoder;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * An Internet Explorer as HtmlUnit 2.12 (2013) plays it: its DOM, its events, its way with
 * script tags; no layout, and no pictures. Run without a build, by {@code java
 * HtmlUnitRun.java IE6}. It takes commands by line and answers each with one line, {@code =
 * value} or {@code ! why not}, the value percent-encoded:
 *
 * <pre>
 * open URL          in a browser with no history and no cookies
 * ask EXPRESSION    what the script expression is in the page now, as a string
 * errors            of all scripts since open
 * </pre>
 */
@SuppressWarnings("deprecation") // its own word on Internet Explorer 6 and 7
public class HtmlUnitRun {
  // No timer of a page runs while a script is on its way, so this must end before the
  // patience of the page does. It is then as if the connection broke, without a word to the page.
  private static final int SILENCE = 4000;

  // What HtmlUnit calls the script of executeJavaScript in its messages.
  private static final String ASKED = "(injected script";

  private final List<String> errors = new CopyOnWriteArrayList<>();
  private final BrowserVersion version;
  private WebClient client;

  private HtmlUnitRun(BrowserVersion version) {
    this.version = version;
  }

  public static void main(String[] args) throws Exception {
    Logger.getLogger("").setLevel(Level.OFF);
    HtmlUnitRun run = new HtmlUnitRun(version(args[0]));
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    for (String line; (line = in.readLine()) != null; ) {
      String[] words = line.split(" ", 2);
      try {
        System.out.println("= " + encode(run.obey(words[0], words.length > 1 ? words[1] : "")));
      } catch (Exception e) {
        System.out.println("! " + encode(e.toString()));
      }
    }
    System.exit(0); // whatever its scripts still wait for
  }

  private static BrowserVersion version(String name) {
    switch (name) {
      case "IE6":
        return BrowserVersion.INTERNET_EXPLORER_6;
      case "IE7":
        return BrowserVersion.INTERNET_EXPLORER_7;
      case "IE8":
        return BrowserVersion.INTERNET_EXPLORER_8;
      case "IE9":
        return BrowserVersion.INTERNET_EXPLORER_9;
      default:
        throw new IllegalArgumentException("no browser " + name);
    }
  }

  private static String encode(String text) throws Exception {
    return URLEncoder.encode(text, "UTF-8");
  }

  private String obey(String command, String operand) throws Exception {
    switch (command) {
      case "open":
        open(operand);
        return "";
      case "ask":
        HtmlPage page = (HtmlPage) client.getCurrentWindow().getEnclosedPage();
        Object answer = page.executeJavaScript("String(" + operand + ")").getJavaScriptResult();
        if (answer == null) {
          throw new IllegalStateException("the page cannot tell " + operand);
        }
        return (String) answer;
      case "errors":
        return String.join("\n", errors);
      default:
        throw new IllegalArgumentException("no command " + command);
    }
  }

  private void open(String url) throws Exception {
    if (client != null) {
      client.closeAllWindows();
    }
    errors.clear();
    client = new WebClient(version);
    client.getOptions().setThrowExceptionOnScriptError(false);
    client.getOptions().setTimeout(SILENCE);
    client.setJavaScriptErrorListener(new JavaScriptErrorListener() {
      @Override
      public void scriptException(HtmlPage page, ScriptException e) {
        if (!e.getMessage().contains(ASKED)) { // the page to ask may be on its way out
          errors.add(e.getMessage() + " in line " + e.getFailingLineNumber());
        }
      }

      @Override
      public void timeoutError(HtmlPage page, long allowed, long taken) {
        errors.add("a script ran for " + taken + " ms");
      }

      @Override
      public void malformedScriptURL(HtmlPage page, String url, MalformedURLException e) {
        errors.add("not the address of a script: " + url);
      }

      @Override
      public void loadScriptError(HtmlPage page, URL url, Exception e) {
        // no error of a script's: it must live with a server that is away
      }
    });
    client.getPage(url);
  }
}
