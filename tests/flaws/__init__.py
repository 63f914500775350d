"""Flaws that were found in Clerk's SDKs, and the rule that each one teaches: a test for every one.

A docstring begins with the number of the row in the catalogue of known flaws. Rows that are not
here:

* 9, bypassed route matchers: nothing is guarded by path patterns, guards stand at the routes.
* 11, conditions lost among options: there is no call that takes both; unknown ones are a TypeError.
* 12 and 21, the Frontend API proxy: comes with the proxy.
* 13, signatures of webhooks: come with webhooks.
* 22, private metadata in users that are sent on: comes with the Backend API's resources.
* 24, a header that hands the decision over: there is none, whatever reaches the application is
  judged there.
"""
