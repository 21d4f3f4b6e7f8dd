import Configuration
import Glibc
import LinuxSystem
import Master
import ServiceKit
import SystemPackage

/// `postfix`: starting, stopping and the like, under the names and with the words that
/// administrators and their scripts know.
enum PostfixCommand {
  private static let usage = "usage: postfix [-c config_dir] [-Dv] command"
  private static let commands =
    "usage: postfix start (or stop, reload, abort, flush, check, status, start-fg, logrotate)"

  /// Runs a command line; `martinet` runs a command of the program itself.
  static func run(_ arguments: [String], martinet: @escaping ([String]) -> Int32) -> Int32 {
    var directory = getenv("MAIL_CONFIG").map { String(cString: $0) } ?? "/etc/martinet"
    var rest = arguments[...]
    while let word = rest.first, word.hasPrefix("-"), word != "-" {
      rest.removeFirst()
      if word == "--" { break }
      if word == "-c", let next = rest.popFirst() {
        directory = next
      } else if word.hasPrefix("-c"), word.utf8.count > 2 {
        directory = String(word.dropFirst(2))
      } else if !word.dropFirst().allSatisfy({ $0 == "v" || $0 == "D" }) {
        return fatal(usage, tag: "postfix")
      }
    }
    guard let command = rest.popFirst(), rest.isEmpty else { return fatal(usage, tag: "postfix") }
    let own = { (name: String) in martinet(["-c", directory, name]) }
    switch command {
    case "check": return own("check")
    case "start-fg": return own("run")
    case "logrotate": return rotate(directory, own)
    case "start", "stop", "reload", "abort", "status", "flush":
      return live(command, directory, own)
    default:
      Output.error("postfix/postfix-script: error: unknown command: '\(command)'")
      return fatal(commands)
    }
  }

  /// What concerns the system that runs, or does not.
  private static func live(_ command: String, _ directory: String, _ own: (String) -> Int32)
    -> Int32
  {
    let holder: Int32?
    do {
      let files = try loadChecked(directory)
      if command == "start", files.configuration[.maillogFile].hasPrefix("/dev/std") {
        return fatal("to log to \(files.configuration[.maillogFile]), use start-fg")
      }
      holder = try InstanceLock.holder(files.configuration[.queueDirectory])
    } catch let error as Errno {
      return fatal("\(error)")
    } catch {
      return 1
    }
    guard let pid = holder else {
      switch command {
      case "start": return start(directory)
      case "status":
        say("the Postfix mail system is not running")
        return 1
      default: return fatal("the Postfix mail system is not running")
      }
    }
    switch command {
    case "start": return fatal("the Postfix mail system is already running")
    case "status":
      say("the Postfix mail system is running: PID: \(pid)")
      return 0
    case "stop":
      say("stopping the Postfix mail system")
      return own("stop")
    case "reload":
      say("refreshing the Postfix mail system")
      return own("reload")
    case "flush":
      return PostqueueCommand.run(name: "postqueue", arguments: ["-c", directory, "-f"])
    default:
      say("aborting the Postfix mail system")
      return abort(pid)
    }
  }

  private static func rotate(_ directory: String, _ own: (String) -> Int32) -> Int32 {
    do {
      let files = try loadChecked(directory)
      let isRunning = try InstanceLock.holder(files.configuration[.queueDirectory]) != nil
      try LogRotation(files.configuration).run { !isRunning || own("reload") == 0 }
      return 0
    } catch let failure as LogRotation.Failure {
      return fatal(failure.reason)
    } catch let error as Errno {
      return fatal("\(error)")
    } catch {
      return 1
    }
  }

  private static func start(_ directory: String) -> Int32 {
    say("starting the Postfix mail system")
    do throws(Errno) {
      if try BackgroundStart.start(configuration: directory) { return 0 }
    } catch {
      return fatal("cannot start the mail system: \(error)")
    }
    return fatal("mail system startup failed")
  }

  private static func abort(_ pid: Int32) -> Int32 {
    do throws(Errno) {
      guard try RunningProcess.end(pid, by: SIGQUIT, patience: .seconds(10)) else {
        return fatal("process \(pid) did not end")
      }
      return 0
    } catch .noSuchProcess {
      return 0
    } catch {
      return fatal("cannot end process \(pid): \(error)")
    }
  }

  private static func say(_ text: String) { Output.error("postfix/postfix-script: \(text)") }

  private static func fatal(_ text: String, tag: String = "postfix/postfix-script") -> Int32 {
    Output.error("\(tag): fatal: \(text)")
    return 1
  }
}
