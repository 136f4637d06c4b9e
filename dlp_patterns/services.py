"""Names of services that hand out keys: what makes `key = ...` the key of something.

What belongs here: the names, in lower case and without separators, and whether words have one.  What never does: how a key
looks (packs), whether it is random (`dlp_patterns.randomness`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

_NAMES: Final = frozenset(
    b"""
    1password abuseipdb abyssale accuweather adafruit adafruitio adobe adobeio adzuna aeroworkflow ai21 ai21studio
    airbrake airship airtable airvisual aiven alconost alegra aletheia algolia alibaba alienvault allsports alphavantage
    amadeus ambee amplitude ansible anthropic anypoint apacta api2cart apideck apiflash apifonica apify apilayer
    apimatic apimetrics apitemplate appcenter appcues appfollow appinsights appointedd appoptics appsync appsynergy
    apptivo appveyor arangodb artifactory artsy asaas asana assemblyai atera atlassian audd auth0 authress autodesk
    autoklose avaza aviationstack axonaut aylien ayrshare azure azuread bamboo bannerbear baremetrics baseten bedrock
    beebole besnappy besttime betterstack billomat bintray bitbar bitbucket bitcoinaverage bitfinex bitly bitmex bitrise
    bittrex bitwarden blazemeter blitapp blocknative blynk bombbomb boostnote borgbase boxcom braintrust brandfetch
    browserless browserstack browshot bscscan buddyns budibase bugherd bugsnag buildkite bulksms buttercms caflou
    calendarific calendly calorieninja campayn cannyio capsulecrm captaindata carboninterface caspio censys
    centralstationcrm cerebras cexio chargebee chartmogul chatfuel checio checklyhq checkr checkvist cicero circleci
    cisco ciscomeraki clarifai clearbit clickhelp clickhouse clicksendsms clickup cliengo clientary clinchpad clockify
    clockworksms clojars closecrm clou cloudant cloudconvert cloudelements cloudflare cloudimage cloudinary cloudmersive
    cloudplan cloudsight cloudsmith clustdoc cockroach codacy codeclimate codecov codemagic codequiry coderabbit cohere
    coinapi coinbase coinlayer coinlib commercejs companyhub confluence confluent contentful conversiontools convertapi
    convertkit convier couchbase countrylayer coveralls coze craftmypdf cratesio crowdin cryptocompare currencycloud
    currencyfreaks currencylayer currencyscoop currentsapi customerguru customerio cypress d7network dailyco dareboost
    databox databricks datadog datagov datarobot debounce deepai deepgram deepseek defined definednetworking delighted
    dependencytrack detectlanguage deviantart dfuse diffbot diggernaut digicert digitalocean discord disqus dnscheck
    dockerhub docparser docusign doppler dotdigital dovico dronahq drone droneci dropbox duckduckgo duffel duply dwolla
    dynalist dynatrace dyspatch eagleeyenetworks easyinsight easypost ecostruxureit edenai eightxeight elasticemail
    elevenlabs enablex endorlabs entra eraserio etherscan ethplorer etsy eventbrite everhour exaai exchangerate
    exchangerates exportsdk extractorapi facebook faceplusplus fastforex fastly fetchrss figma fileio filezilla
    financialmodelingprep findl finicity finnhub firebase firecrawl fireworks fireworksai fixerio flatio fleetbase
    flexport flickr flightapi flightlabs flightstats flowflu flutterwave flyio formbucket formcraft formio formsite
    foursquare frameio freemius freshbooks freshdesk friendli fullstory fxmarket geckoboard gengo geoapify geocodify
    geocodio geoipifi getgeoapi getresponse getsandbox gitalk github githubapp gitlab gitter glassnode gocanvas
    gocardless godaddy goodday google grafana graphcms graphhopper gravatar groovehq groq gtmetrix gumroad gyazo
    happyscribe hashicorp hasura hcaptcha helicone hellosign helpcrunch helpscout hereapi heroku hiveage holidayapi
    html2pdf hubspot huggingface hybiscus hypertrack ibmcloud iconfinder iexapis iexcloud imagekit imagga influxdb
    infracost infura insightly instabot instagram instamojo instantly intercom interseller intra42 intrinio invoiceocean
    ip2location ipapi ipgeolocation ipifi ipify ipinfo ipinfodb ipquality ipqualityscore ipstack iterable jenkins jfrog
    jina jira jotform jumpcloud jupiterone kagi kanbantool karma karmacrm keenio keycloak kickbox klaviyo klingai
    klipfolio knapsackpro kontent kucoin kylas langchain langfuse langsmith languagelayer larksuite launchdarkly
    leadfeeder lemlist lemonsqueezy lendflow lessannoyingcrm lexigram linear linemessaging linemsg linenotify linkedin
    linkpreview linode litellm liveagent livestorm loadmill locationiq loggly loginradius logz logzio lokalise looker
    loyverse lunchmoney luno madkudu magicbell mailboxlayer mailchimp mailerlite mailgun mailjet mailjetsms mailmodo
    mailsac mandrill mapbox mapquest marketstack mattermost mavenlink maxmind meaningcloud mediastack meistertask meraki
    mergify mesibo messagebird metaapi metabase metrilo mindmeister mistral mixmax mixpanel mockaroo mollie mongoatlas
    mongodb monkeylearn moonclerk moosend moralis mrticktock msal myfreshworks myintervals nasa nasdaqdatalink nethunt
    netlify netsuite neutrino newrelic newsapi newscatcher nexmo nftport ngrok nicereply nozbe nozbeteams nuget
    numverify nutritionix nvidia nylas nytimes oanda octopus octopusdeploy okta ollama omnisend onedesk onelogin
    onepagecrm onesignal onfleet oopspam openai opencagedata openrouter openshift openstack opentok openuv openvpn
    openweather openweathermap opsgenie optimizely overloop owlbot owm packagecloud pagarme pagerduty pandadoc
    pandascore paperform paralleldots parsehub parseur particleio partnerstack pastebin paydirt paydirtapp paymo
    paymoapp paymongo paypal paystack pdflayer pdfshift pendo peopledatalabs pepipost pganalyze photoroom pinecone
    pingdom pipedream pipedrive pivotaltracker pixabay pixela planetscale planviewleankit planyo plivo pollsapi poloniex
    polygonio portainer positionstack postageapp posthog postman postmark powrbot privateai prodpad prospectcrm
    protocolsio proxycrawl pscale pubnub pulumi purestake pushbullet pusher pyowm pypi qase qiita qualaroo qubole
    rabbitmq railwayapp rawg razorpay reachmail readme readthedocs reallysimplesystems rebrandly recaptcha
    rechargepayments redhat redhatpyxis rentman repairshopr replicate replyio requestfinance restpack retellai revampcrm
    ringcentral ritekit roaring robinhoodcrypto rocketreach rollbar rootly route4me rownd rubygems runrunit saladcloud
    salesblink salescookie salesflare salesforce salesmate satismeterproject saucelabs scaleway scalingo scalr scrapeowl
    scraperapi scraperbox scrapestack scrapfly scrapingant scrapingbee screenshotapi screenshotlayer scrutinizerci
    securitytrails selectpdf semaphoreci sendbird sendgrid sendinblue serpapi serper serphouse serpstack settlemint
    sheety sherpadesk shipday shippo shodan shopify shotstack shutterstock sidekiq signalwire signaturit signupgenius
    sigopt simfin simplesat simplynoted simvoly sinch sinchmessage siteleaf skrapp skrappio skybiometry slack
    smartsheets smartystreets snipcart snyk softlayer solarwinds solarwindsobservability sonar sonarcloud sonarqube
    sourcegraph sparkpost spectralops speechtextai splunk spoonacular sportsmonk spotify sqlserver squarespace squareup
    sslmate stabilityai stackhawk statuscake statuspage statuspal stitchdata stockdata storecove stormboard stormglass
    storyblok storychief strapi strava stripo stytch sugester sumo sumologic supabase supernotes surveyanyplace
    surveybot surveysparrow survicate swiftype tailscale tallyfy tatumio tavily taxjar teamcity teamgate teamwork
    technicalanalysis technicalanalysisapi tefter telegram telnyx tencent terraform testingbot textmagic theodds
    theoddsapi thingsboard thinkific thousandeyes ticketmaster tickettailor tiingo tiktok timecamp timezoneapi tmdb
    tmetric todoist togetherai toggl toggltrack tokeet tomorrowio tomtom tradier transferwise travelpayouts travis
    travisci trello truenas trufflehog twelvedata twilio twitch twitchtv twitter tyntec typeform typesense typetalk
    ubidots uclassify unifyid unsplash upcdatabase uplead uploadcare uptimero uptimerobot upwave urlscan userflow
    userstack vagrantcloud vastai vatlayer vbout vercel verimail veriphone versioneye viewneo virustotal visualcrossing
    vmware voiceflow voicegain vonage voodoosms vouchery voyageai vpnapi vultr vyte wakatime walkscore wandb weatherbit
    weatherstack web3storage webex webexbot webflow webscraper webscraping websitepulse wechat weibo weightsandbiases
    wepay whatsapp whoxy wistia wolfram woocommerce wordpress worksnaps workstack worldcoinindex worldweather wpengine
    wrike xenonstack yahoo yandex yelp ynab youneedabudget yousign youtube zapier zendesk zenkit zenrows zenscrape
    zenserp zeplin zerobounce zerotier zhipu zhipuai zipapi zipbooks zipcodeapi zipcodebase zoho zohocrm zonka
    zonkafeedback zulip zulipchat zuora zuplo
    """.split()
)
"""Names that mean nothing else: seen anywhere near, they say whose key it is."""

_WORDS: Final = frozenset(
    b"""
    abstract agora aha aio alchemy apollo assembly autopilot aws azuresas beamer blogger box branchio bulbul canny
    cashboard chatbot checkout clay clockwork close cloverly cloze coda collect2 column commodities copper cos courier
    currents daily dandelion demio deno deputy detectify ditto django docker documo duo edamam elastic enigma envoy
    eraser exa fb feedier fibery finage fixer flask flat float front fulcrum gcp gemini geocode getemail getemails
    getgeo getgist gh greenhouse groove guardian guru harness harvest here hf hive holiday holistic honeycomb hs
    humanity hunter ibm impala ionic juro jwt kafka kanban kraken laravel lark line lob m3o magnetic miro mite
    moderation monday mux mysql nasdaq netcore ngc nightfall nimble noticeable notify notion npm ovh particle pd percy
    perplexity phrase pinata pivo plaid podio polygon postbacks prefect privacy protocols rails railway ramp raven
    refiner resend rev riot rockset ronin runscope runway sanity sap sauce scraper screenshot scrutinizer segment
    semaphore sentry shortcut signable sirv smartsheet smooch snowflake spectral square streak stripe swell tableau
    tatum teletype tfe tines tly together tru twist unify unplugg vault vk vpn wit wiz workday xai zoom
    """.split()
)
"""Names that are words of English, or short: they count in the name of the field itself only."""

_LONGEST: Final = 3
"""Most words of one name: `alpha vantage`, `customer io`, `new relic insights`."""
_WORD: Final = re.compile(rb"[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_OF_KEYS: Final = re.compile(
    rb"(?:access|api|app|auth|bot|client|keys?|oauth2?|pass|password|pat|personal|private|secret|tokens?|user|v[0-9])+\Z"
)
"""What follows the name of a service where it is written in one word with what it gives: `nexmoapikey`."""


def words(text: bytes) -> list[bytes]:
    """The words of a text in lower case; humps of camelCase are words of their own."""
    return [word.lower() for word in _WORD.findall(text)]


def named(text: Sequence[bytes]) -> bool:
    """Whether these words have a name that means nothing else, or a word of English called an API."""
    return any(name in _NAMES for name in _joined(text)) or any(
        word in _WORDS and after == b"api" for word, after in pairwise(text)
    )


def called(field: Sequence[bytes]) -> bool:
    """Whether these words, the name of a field, have any name."""
    return any(name in _NAMES or name in _WORDS for name in _joined(field))


def _joined(text: Sequence[bytes]) -> Iterator[bytes]:
    """Every run of one to `_LONGEST` words, written as one, and without what it is a key of."""
    for size in range(1, _LONGEST + 1):
        for at in range(len(text) - size + 1):
            name = b"".join(text[at : at + size])
            yield name
            yield _OF_KEYS.sub(b"", name)
