"""Names of services that hand out keys: what makes `key = ...` the key of something.

What belongs here: the names, in lower case and without separators, and whether words have one.  What never does: how a key
looks (packs), whether it is random (`dlp_patterns.randomness`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_NAMES: Final = frozenset(
    b"""
    1password abuseipdb abyssale accuweather adafruit adobe adzuna aeroworkflow ai21studio airbrake airship airtable
    airvisual aiven alconost alegra aletheia algolia alibaba alienvault alphavantage amadeus ambee amplitude ansible
    anthropic anypoint apacta api2cart apideck apiflash apifonica apify apilayer apimatic apimetrics apitemplate
    appcenter appcues appfollow appinsights appointedd appoptics appsync appsynergy apptivo appveyor arangodb
    artifactory artsy asaas asana assemblyai atera atlassian audd auth0 authress autodesk autoklose avaza
    aviationstack axonaut aylien ayrshare azure azuread bamboo bannerbear baremetrics baseten bedrock beebole
    besnappy besttime betterstack billomat bintray bitbar bitbucket bitcoinaverage bitfinex bitly bitmex bitrise
    bittrex bitwarden blazemeter blitapp blocknative blynk bombbomb boostnote borgbase braintrust brandfetch
    browserless browserstack browshot bscscan buddyns budibase bugherd bugsnag buildkite bulksms buttercms caflou
    calendarific calendly calorieninja campayn cannyio capsulecrm carboninterface censys centralstationcrm cerebras
    chargebee chartmogul chatfuel checio checklyhq checkr checkvist cicero circleci cisco ciscomeraki clarifai
    clearbit clickhelp clickhouse clicksendsms clickup cliengo clientary clinchpad clockify clockworksms clojars
    closecrm clou cloudant cloudconvert cloudelements cloudflare cloudimage cloudinary cloudmersive cloudplan
    cloudsight cloudsmith clustdoc cockroach codacy codeclimate codecov codemagic codequiry coderabbit cohere
    coinbase coinlayer coinlib commercejs confluence confluent contentful convertkit convier countrylayer coveralls
    coze craftmypdf cratesio crowdin cryptocompare currencycloud currencyfreaks currencylayer currencyscoop
    customerguru customerio cypress d7network dailyco dareboost databox databricks datadog datagov datarobot
    debounce deepai deepgram deepseek defined definednetworking delighted detectlanguage deviantart dfuse diffbot
    diggernaut digicert digitalocean discord disqus dnscheck dockerhub docparser docusign doppler drone droneci
    dropbox duckduckgo duffel duply dwolla dynalist dynatrace dyspatch eagleeyenetworks easyinsight easypost
    ecostruxureit edenai eightxeight elasticemail elevenlabs enablex endorlabs entra etherscan ethplorer etsy
    eventbrite everhour exchangerate exchangerates facebook fastforex fastly fetchrss figma fileio
    financialmodelingprep findl finicity finnhub firebase firecrawl fixerio flatio fleetbase flexport flickr
    flightlabs flightstats flutterwave flyio formbucket formcraft formio formsite foursquare frameio freemius
    freshbooks freshdesk friendli fullstory geckoboard gengo geoapify geocodify geoipifi getresponse gitalk github
    githubapp gitlab gitter glassnode gocanvas gocardless goodday google grafana graphcms graphhopper gravatar
    groovehq groq gtmetrix gumroad gyazo happyscribe hashicorp hcaptcha hellosign helpcrunch helpscout heroku
    hiveage html2pdf hubspot huggingface hybiscus hypertrack iconfinder iexapis iexcloud imagekit imagga influxdb
    infracost infura insightly instabot instagram instamojo instantly intercom interseller intra42 intrinio
    invoiceocean ip2location ipgeolocation ipinfo ipinfodb ipquality ipqualityscore ipstack iterable jenkins jfrog
    jina jira jotform jumpcloud jupiterone kagi kanbantool karma karmacrm keenio keycloak kickbox klaviyo klingai
    klipfolio knapsackpro kontent kucoin kylas langchain langfuse langsmith languagelayer larksuite launchdarkly
    leadfeeder lemlist lemonsqueezy lendflow lessannoyingcrm lexigram linear linkedin linkpreview linode litellm
    liveagent livestorm loadmill locationiq loggly loginradius logz logzio lokalise looker loyverse lunchmoney luno
    madkudu magicbell mailboxlayer mailchimp mailerlite mailgun mailjet mailjetsms mailmodo mailsac mandrill mapbox
    mapquest marketstack mattermost mavenlink maxmind meaningcloud mediastack meistertask meraki mergify mesibo
    messagebird metabase metrilo mindmeister mistral mixmax mixpanel mockaroo mollie monkeylearn moonclerk moosend
    moralis mrticktock msal myfreshworks myintervals nasa nasdaqdatalink nethunt netlify netsuite neutrino newrelic
    newsapi newscatcher nexmo nftport ngrok nicereply nozbe nuget numverify nutritionix nvidia nylas nytimes oanda
    octopus octopusdeploy okta ollama omnisend onedesk onelogin onepagecrm onesignal onfleet openai opencagedata
    openrouter openshift openstack opentok openuv openvpn openweather opsgenie optimizely overloop owlbot
    packagecloud pagarme pagerduty pandadoc pandascore paperform paralleldots parsehub parseur particleio
    partnerstack pastebin paydirtapp paymoapp paymongo paypal paystack pdflayer pdfshift pendo peopledatalabs
    pepipost photoroom pinecone pingdom pipedream pipedrive pivotaltracker pixabay planetscale planviewleankit
    planyo plivo pollsapi poloniex portainer positionstack postageapp posthog postman postmark powrbot privateai
    prodpad prospectcrm protocolsio proxycrawl pubnub pulumi purestake pushbullet pusher pypi qase qiita qualaroo
    qubole rabbitmq rawg razorpay reachmail readme readthedocs reallysimplesystems rebrandly recaptcha rentman
    repairshopr replicate replyio requestfinance restpack retellai revampcrm ringcentral ritekit roaring
    robinhoodcrypto rocketreach rollbar rootly route4me rownd rubygems runrunit saladcloud salesblink salescookie
    salesflare salesforce salesmate satismeterproject saucelabs scaleway scalingo scalr scrapeowl scraperbox
    scrapestack scrapfly scrapingant scrapingbee screenshotlayer scrutinizerci securitytrails selectpdf sendbird
    sendgrid sendinblue serpapi serper serphouse serpstack settlemint sheety sherpadesk shipday shippo shodan
    shopify shotstack shutterstock sidekiq signalwire signaturit signupgenius sigopt simfin simplesat simplynoted
    simvoly sinch sinchmessage siteleaf skrapp skrappio skybiometry slack smartystreets snipcart snyk softlayer
    solarwindsobservability sonar sonarcloud sonarqube sourcegraph sparkpost spectralops speechtextai splunk
    spoonacular sportsmonk spotify sqlserver squarespace squareup sslmate stabilityai stackhawk statuscake
    statuspage stitchdata stockdata storecove stormboard stormglass storyblok storychief strapi strava stripo stytch
    sugester sumo sumologic supabase supernotes surveyanyplace surveybot surveysparrow survicate swiftype tailscale
    tallyfy tatumio tavily taxjar teamcity teamgate teamwork technicalanalysis tefter telegram telnyx tencent
    terraform testingbot textmagic theodds thingsboard thinkific thousandeyes ticketmaster tickettailor tiingo
    tiktok timecamp timezoneapi tmdb tmetric todoist toggl toggltrack tokeet tomorrowio tomtom tradier transferwise
    travelpayouts travis travisci trello truenas twelvedata twilio twitch twitchtv twitter tyntec typeform typesense
    typetalk ubidots uclassify unifyid unsplash upcdatabase uplead uploadcare uptimerobot upwave urlscan userflow
    userstack vagrantcloud vastai vatlayer vbout vercel verimail veriphone versioneye viewneo virustotal
    visualcrossing vmware voiceflow voicegain vonage voodoosms voyageai vultr vyte wakatime walkscore wandb
    weatherbit weatherstack web3storage webex webflow webscraper webscraping websitepulse wechat weibo
    weightsandbiases wepay whatsapp whoxy wistia wolfram woocommerce wordpress worksnaps workstack worldcoinindex
    worldweather wpengine wrike yahoo yandex yelp ynab youneedabudget yousign youtube zapier zendesk zenkit zenrows
    zenscrape zenserp zeplin zerobounce zerotier zhipu zipbooks zipcodeapi zipcodebase zoho zohocrm zonka
    zonkafeedback zulip zulipchat zuora zuplo
    """.split()
)
"""Names that mean nothing else: seen anywhere near, they say whose key it is."""

_WORDS: Final = frozenset(
    b"""
    agora aha aio alchemy apollo assembly autopilot aws beamer box branchio bulbul clay cloverly cloze coda cos
    courier dandelion demio deputy detectify ditto django documo duo edamam elastic enigma eraser exa fb feedier
    fibery finage flask float front fulcrum gcp gemini gh greenhouse guardian guru harness harvest here hf hive
    honeycomb hs hunter ibm ionic juro jwt kraken laravel lark lob m3o miro monday mux ngc nightfall nimble notify
    notion npm ovh particle percy perplexity pinata pivo plaid podio polygon prefect rails ramp refiner resend riot
    rockset runway sanity sap sauce sentry sirv smooch snowflake square stripe swell tableau teletype tfe tly
    together unplugg vault vk wit wiz workday xai zoom
    """.split()
)
"""Names that are words of English, or short: they count in the name of the field itself only."""

_LONGEST: Final = 3
"""Most words of one name: `alpha vantage`, `customer io`, `new relic insights`."""
_WORD: Final = re.compile(rb"[A-Z]?[a-z0-9]+|[A-Z0-9]+")


def words(text: bytes) -> list[bytes]:
    """The words of a text in lower case; humps of camelCase are words of their own."""
    return [word.lower() for word in _WORD.findall(text)]


def named(text: Sequence[bytes]) -> bool:
    """Whether these words have a name that means nothing else."""
    return any(name in _NAMES for name in _joined(text))


def called(field: Sequence[bytes]) -> bool:
    """Whether these words, the name of a field, have any name."""
    return any(name in _NAMES or name in _WORDS for name in _joined(field))


def _joined(text: Sequence[bytes]) -> list[bytes]:
    """Every run of one to `_LONGEST` words, written as one."""
    return [
        b"".join(text[at : at + size])
        for size in range(1, _LONGEST + 1)
        for at in range(len(text) - size + 1)
    ]
