import CLinux
package import SystemPackage

/// Properties of the running process.
package enum ThisProcess {
  /// The process id.
  package static var pid: Int32 { clinux_own_pid() }
  /// The id of the process that started this one.
  package static var parentPID: Int32 { clinux_parent_pid() }

  /// Names the running file itself, which may have been replaced or removed since.
  package static let executableLink = "/proc/self/exe"

  /// The file that this process runs, for starting it again.
  package static func executable() throws(Errno) -> String {
    try Files.readLink(executableLink)
  }

  /// Sets the name by which `ps` and `top` list the process, cut to 15 bytes: the kernel takes it
  /// from the path of the program, which may be `executableLink`.
  package static func setName(_ name: String) throws(Errno) {
    try checked(clinux_set_name(name))
  }

  /// Neither this process nor its children can gain privileges by executing a file.
  package static func setNoNewPrivileges() throws(Errno) {
    try checked(clinux_no_new_privileges())
  }

  /// The signal that this process gets when its parent dies; a change of identity clears it.
  package static func setParentDeathSignal(_ signal: Int32) throws(Errno) {
    try checked(clinux_parent_death_signal(signal))
  }

  /// Raises the number of descriptors that may be open to the hard limit and returns it.
  @discardableResult
  package static func raiseDescriptorLimit() throws(Errno) -> Int {
    try checked(clinux_raise_descriptor_limit())
  }

  /// Lets this thread, and those that it starts, finish what they are at before others that wake
  /// have their turn, and wait for the same of others (`SCHED_BATCH`). What somebody chose for the
  /// process stays.
  package static func scheduleAsBatch() throws(Errno) {
    try checked(clinux_schedule_as_batch())
  }

  /// Sets the permission bits that new files never get; returns the bits before.
  @discardableResult
  package static func setUmask(_ mask: UInt32) -> UInt32 { clinux_umask(mask) }

  /// Writing to a closed pipe or socket reports `EPIPE` instead of killing the process.
  package static func ignoreBrokenPipes() { clinux_ignore_broken_pipe() }

  /// Children that have ended stay until they are reaped, whatever this process inherited.
  package static func watchChildren() { clinux_watch_children() }

  /// The name of this host as the kernel knows it.
  package static func hostName() throws(Errno) -> String {
    var buffer = [CChar](repeating: 0, count: 257)
    try checked(clinux_host_name(&buffer, 256))
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// 128 bits that nobody can guess.
  package static func randomBits() throws(Errno) -> (high: UInt64, low: UInt64) {
    var bits: (UInt64, UInt64) = (0, 0)
    try checked(clinux_random(&bits, CInt(MemoryLayout.size(ofValue: bits))))
    return (bits.0, bits.1)
  }

  /// The processors that this process may use.
  package static func processorCount() throws(Errno) -> Int {
    Int(try checked(clinux_processor_count()))
  }

  /// The threads that this process has.
  package static func threadCount() throws(Errno) -> Int {
    let tasks = try Files.open("/proc/self/task", [.read, .directory])
    return try Files.names(in: tasks.raw).count
  }
}
