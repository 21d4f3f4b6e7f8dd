/// Content filters behind the queue, and what listeners in front of and behind them leave out.
extension Registry {
  static let filters: [any ParameterKey] = [
    TextParameter.contentFilter, TextParameter.defaultFilterNexthop,
    ListParameter.receiveOverrideOptions,
  ]
}

extension TextParameter {
  /// `content_filter`
  package static let contentFilter = Self(
    "content_filter", default: "",
    "The transport:nexthop that all mail of a listener goes to first.")
  /// `default_filter_nexthop`
  package static let defaultFilterNexthop = Self(
    "default_filter_nexthop", default: "",
    "The next hop of content filters that name none; empty for the recipient's domain.")
}

extension ListParameter {
  /// `receive_override_options`
  package static let receiveOverrideOptions = Self(
    "receive_override_options", default: "",
    "What is not done with the mail of a listener: no_unknown_recipient_checks, "
      + "no_address_mappings, no_header_body_checks, no_milters.")
}
