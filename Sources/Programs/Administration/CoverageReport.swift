import ArgumentParser
import Configuration
import LinuxSystem
import ServiceKit
import SystemPackage

/// `martinet config --coverage FILE…`: what Martinet makes of a real configuration.
///
/// A file named `master.cf` is read as such, every other one as a `main.cf`; a folder stands for
/// both of its files.
struct CoverageReport {
  private static let fileSizeMax = 16 << 20

  let paths: [String]

  /// Shows a line for each assignment and a summary; ends with 1 when a file cannot be read.
  func show() throws {
    var isReadable = true
    var totals: [ConfigurationCoverage.Standing: Int] = [:]
    for path in paths {
      let files = (try? Files.status(path).isDirectory) == true
      let names = files ? [path + "/main.cf", path + "/master.cf"] : [path]
      var main = MainFile([], file: "")
      var services: [ServiceEntry] = []
      for name in names {
        do throws(Errno) {
          let bytes = try Files.readWhole(name, limit: Self.fileSizeMax)
          if name.hasSuffix("master.cf") {
            let file = MasterFile(bytes, file: name)
            services = file.services
            report(file.diagnostics)
          } else {
            main = MainFile(bytes, file: name)
            report(main.diagnostics)
          }
        } catch {
          Output.error("martinet: cannot read \(name): \(error)")
          isReadable = false
        }
      }
      var coverage = ConfigurationCoverage(main, services: services, host: .ofThisHost())
      coverage.judgeValues(ValueCheck.missing)
      for line in coverage.lines { Output.line(text(of: line)) }
      for (standing, count) in coverage.counts { totals[standing, default: 0] += count }
    }
    let summary = ConfigurationCoverage.Standing.allCases.map {
      "\(totals[$0] ?? 0) \($0.rawValue)"
    }
    Output.line("# " + summary.joined(separator: ", "))
    if !isReadable { throw ExitCode(1) }
  }

  private func text(of line: ConfigurationCoverage.Line) -> String {
    let remark = line.remark.isEmpty ? "" : " (\(line.remark))"
    return "\(line.subject): \(line.standing.rawValue)\(remark)"
  }

  private func report(_ diagnostics: [Diagnostic]) {
    for diagnostic in diagnostics where diagnostic.severity == .error {
      Output.error("martinet: \(diagnostic)")
    }
  }
}
