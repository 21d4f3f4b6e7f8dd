import Glibc
import LinuxSystem
import SystemPackage

/// Starting the mail system so that it outlives the command and its terminal.
enum BackgroundStart {
  /// Where the process that runs says that it serves.
  private static let descriptor: Int32 = 3

  /// Starts `martinet run` and waits until every process serves, or it has ended and said why.
  ///
  /// - Returns: whether it serves.
  static func start(configuration directory: String) throws(Errno) -> Bool {
    var pipe = try Files.pipe()
    let reading = pipe.takeReading()
    let child = try spawn(directory, pipe.takeWriting())
    var byte: UInt8 = 0
    while true {
      var request = pollfd(fd: reading.raw, events: Int16(POLLIN), revents: 0)
      // Its own time limits end it when it cannot serve.
      if poll(&request, 1, -1) < 0, errno == EINTR { continue }
      let count = read(reading.raw, &byte, 1)
      if count == 1 { return true }
      guard count < 0, errno == EINTR || errno == EAGAIN else { break }
    }
    _ = try child.wait()
    return false
  }

  private static func spawn(
    _ directory: String, _ writing: consuming OwnedDescriptor
  ) throws(Errno) -> ChildProcess {
    try ChildProcess.spawn(
      try ThisProcess.executable(), name: "martinet",
      arguments: ["-c", directory, "run", "--background"],
      descriptors: [(parent: writing.raw, child: descriptor)])
  }

  /// In the process that runs: no terminal sends it signals any more, and nothing that it starts
  /// holds a stream of whoever started it.
  ///
  /// - Returns: the descriptor to say what is wrong until it serves.
  static func leaveTerminal() -> Int32 {
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    // It has been started by `spawn`, so it leads no group, which is all that could fail.
    setsid()
    let voice = fcntl(2, F_DUPFD_CLOEXEC, 10)
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    if null >= 0 {
      for stream in Int32(0)...2 { dup2(null, stream) }
      close(null)
    }
    return voice
  }

  /// In the process that runs: says that it serves, and falls silent.
  static func served(_ voice: Int32) {
    var byte: UInt8 = 1
    _ = write(descriptor, &byte, 1)
    close(descriptor)
    close(voice)
  }
}
