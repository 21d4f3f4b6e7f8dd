import Glibc

/// How many descriptors this process may open.
package enum DescriptorLimit {
  /// Raises the soft limit to the hard one and returns it.
  package static func raise() -> Int {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0 else { return 0 }
    limit.rlim_cur = limit.rlim_max
    guard setrlimit(resource, &limit) == 0 else { return 0 }
    return Int(limit.rlim_cur)
  }
}
